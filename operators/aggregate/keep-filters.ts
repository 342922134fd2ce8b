import { UserError } from '../../engine/base/errors.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import { string } from '../../state/schema/scalars.ts';
import type { DistinctSet } from './compile-aggregates.ts';

/**
 * Notes with the state what its bits mean.
 *
 * @throws UserError STATE_INCOMPATIBLE when the restored state has other columns.
 */
export function keepFilters({ operatorState, operatorName }: OperatorContext, sets: readonly DistinctSet[]): void {
  const layout = JSON.stringify(sets.map(({ columns }) => columns));
  const state = operatorState.unionListState({ name: 'columns', schema: string() });
  const other = state.get().find((restored) => restored !== layout);
  if (other !== undefined) {
    throw new UserError(
      'STATE_INCOMPATIBLE',
      `'${operatorName}': expected state of the columns ${layout}, found state of ${other}`,
      {
        hint: 'Keep the countDistinct columns, their filters and their order as they were; or give the aggregate a new uid, so that it begins empty.',
      },
    );
  }
  state.update([layout]);
}
