import { UserError } from '../../engine/base/errors.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import { string } from '../../state/schema/scalars.ts';

/**
 * Notes with the state how a window operator keeps its windows, which depends on assigner, trigger, evictor and function:
 * with other ones the state would be silently out of reach, or be taken for that of other windows.
 *
 * @throws UserError STATE_INCOMPATIBLE when the restored state is kept in another way.
 */
export function keepWindowLayout(context: OperatorContext, layout: string): void {
  const state = context.operatorState.unionListState({ name: 'window-layout', schema: string() });
  const other = state.get().find((restored) => restored !== layout);
  if (other !== undefined) {
    throw new UserError('STATE_INCOMPATIBLE', `expected state of ${layout}; found state of ${other}`, {
      hint:
        'Keep the window, its trigger, evictor and kind of function as they were; or give the operator a new uid, so that it ' +
        'begins empty, after `tidemark stop --drain` has let the old windows fire.',
    });
  }
  state.update([layout]);
}
