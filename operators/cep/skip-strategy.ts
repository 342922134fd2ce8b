import { UserError } from '../../engine/base/errors.ts';
import type { AfterMatchSkipStrategy } from './after-match-skip-strategy.ts';
import type { MatchNode } from './matcher-state.ts';

/**
 * Order number below which partial matches must have begun to be dropped after a match; undefined drops none.
 *
 * @param path the match's nodes, first to last.
 */
export function skippedBelow(
  strategy: AfterMatchSkipStrategy,
  path: readonly MatchNode[],
  stageNames: readonly string[],
): number | undefined {
  switch (strategy.kind) {
    case 'noSkip':
      return undefined;
    case 'skipToNext':
      return path[0]!.order + 1;
    case 'skipPastLastEvent':
      return path.at(-1)!.order + 1;
    case 'skipToFirst':
    case 'skipToLast': {
      const stage = stageNames.indexOf(strategy.stageName!);
      const isStage = (node: MatchNode): boolean => node.stage === stage;
      const node = strategy.kind === 'skipToFirst' ? path.find(isStage) : path.findLast(isStage);
      if (strategy.throwsOnMiss) checkHit(strategy, path[0]!, node);
      return node?.order;
    }
  }
}

function checkHit({ stageName }: AfterMatchSkipStrategy, first: MatchNode, node: MatchNode | undefined): void {
  if (node === undefined) {
    throw new UserError('USER_FUNCTION', `a match has no record for stage '${stageName}', which is to be skipped to`, {
      hint: 'Leave out throwExceptionOnMiss() to skip nothing then.',
    });
  }
  if (node.order === first.order) {
    throw new UserError('USER_FUNCTION', `stage '${stageName}' begins its match: skipping to it skips nothing`, {
      hint: 'Leave out throwExceptionOnMiss(), or use skipToNext().',
    });
  }
}
