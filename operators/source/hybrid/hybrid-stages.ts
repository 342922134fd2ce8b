import { UserError } from '../../../engine/base/errors.ts';
import type { Json, Source } from '../../../engine/task/source.ts';

/**
 * A source that follows another one. The function gets what the enumerator before had as its state when its splits had
 * been read to their end, and makes the source from it: where to start. It is called by every reader too, and must make
 * the same source from the same state.
 */
export type FollowingSource<T> = Source<T> | ((previousEnd: Json) => Source<T>);

/** The sources in their order. */
export class HybridStages<T> {
  readonly description: string;
  readonly #sources: readonly FollowingSource<T>[];

  constructor(sources: readonly FollowingSource<T>[], name: string) {
    this.#sources = sources;
    this.description = `${name} of ${sources.length} sources`;
  }

  /** A last source that is made when it is its turn counts as unbounded. */
  get boundedness(): 'bounded' | 'unbounded' {
    const last = this.#sources.at(-1)!;
    return typeof last === 'function' ? 'unbounded' : last.boundedness;
  }

  isLast(stage: number): boolean {
    return stage === this.#sources.length - 1;
  }

  /** @param previousEnd state of the enumerator before; null for the first one. */
  source(stage: number, previousEnd: Json): Source<unknown> {
    const source = this.#sources[stage]!;
    if (typeof source !== 'function') return source as unknown as Source<unknown>;
    const made = source(previousEnd);
    this.check(stage, made);
    return made as unknown as Source<unknown>;
  }

  check(stage: number, { boundedness, description }: Source<T>): void {
    if (boundedness === 'bounded' || this.isLast(stage)) return;
    throw new UserError(
      'CONFIGURATION',
      `source ${stage + 1} of the ${this.description}, ${description}, has no end, so the next one would never begin`,
      { hint: 'Bound it (for Kafka: stopAt), or put it last.' },
    );
  }
}
