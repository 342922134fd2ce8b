import type { OutputTag } from '../../engine/task/output-tag.ts';
import type { RowKind } from '../../engine/task/row-kind.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { type CoGroup, CoGroupContents, coGroupOf, type TaggedRow, taggedRowSchema } from './co-group-contents.ts';
import type { Evictor } from './evictor.ts';
import type { Trigger } from './trigger.ts';
import type { Window } from './window.ts';
import type { WindowAssigner } from './window-assigner.ts';
import { EvictingContents } from './window-contents.ts';
import type { WindowLogic } from './window-function.ts';
import { WindowOperator } from './window-operator.ts';

/**
 * A window operator with two inputs, whose records share the windows of their key; sessions grow by records of either.
 *
 * Stateful and lawful as `WindowOperator`; time is the minimum of both inputs' watermarks.
 */
class CoGroupOperator<L, R, E, OUT, W extends Window> extends WindowOperator<TaggedRow<L, R>, E, OUT, W> {
  override processElement1(value: unknown, timestampMs: number, kind: RowKind): void {
    this.processElement({ left: value, right: undefined }, timestampMs, kind);
  }

  override processElement2(value: unknown, timestampMs: number, kind: RowKind): void {
    this.processElement({ left: undefined, right: value }, timestampMs, kind);
  }
}

export interface CoGroupDeclaration<L, R, OUT, W extends Window> {
  readonly assigner: WindowAssigner<TaggedRow<L, R>, W>;
  /** Default: the assigner's. */
  readonly trigger?: Trigger<TaggedRow<L, R>, W> | undefined;
  readonly evictor?: Evictor<TaggedRow<L, R>, W> | undefined;
  readonly allowedLatenessMs: number;
  readonly lateTag?: OutputTag<TaggedRow<L, R>> | undefined;
  readonly leftSchema: Schema<L>;
  readonly rightSchema: Schema<R>;
  /** Gets one element per firing: the records of the window, by stream. */
  readonly logic: WindowLogic<Key, CoGroup<L, R>, OUT, W>;
}

/** Makes the operator for windows over two streams. */
export function createCoGroupOperator<L, R, OUT, W extends Window>(
  declaration: CoGroupDeclaration<L, R, OUT, W>,
): StreamOperator<OUT> {
  const { assigner, evictor, allowedLatenessMs, lateTag, leftSchema, rightSchema, logic } = declaration;
  const trigger = declaration.trigger ?? assigner.defaultTrigger();
  const options = { assigner, trigger, allowedLatenessMs, lateTag };
  if (evictor === undefined) {
    return new CoGroupOperator<L, R, CoGroup<L, R>, OUT, W>({
      ...options,
      contents: new CoGroupContents(leftSchema, rightSchema),
      logic,
    });
  }
  return new CoGroupOperator<L, R, TaggedRow<L, R>, OUT, W>({
    ...options,
    contents: new EvictingContents(taggedRowSchema(leftSchema, rightSchema), evictor),
    logic: grouping(logic),
  });
}

/** An evictor needs the records of both streams in one list. */
function grouping<L, R, OUT, W extends Window>(
  logic: WindowLogic<Key, CoGroup<L, R>, OUT, W>,
): WindowLogic<Key, TaggedRow<L, R>, OUT, W> {
  return {
    windowState: logic.windowState,
    globalState: logic.globalState,
    open: (context) => logic.open?.(context),
    process: (key, context, rows, out) => logic.process(key, context, [coGroupOf(rows)], out),
    ...(logic.clear === undefined ? {} : { clear: (context) => logic.clear!(context) }),
    close: () => logic.close?.(),
  };
}
