import { UserError } from '../../engine/base/errors.ts';
import type { Output } from '../../engine/task/output.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import { INSERT, type RowKind } from '../../engine/task/row-kind.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { MatchContext } from './pattern-process-function.ts';

/** The context of one operator's function. */
export class OperatorMatchContext implements MatchContext {
  timestamp = NO_TIMESTAMP;
  readonly #context: OperatorContext;
  readonly #sideOutputs = new Map<string, Output<unknown>>();
  #outputMs = NO_TIMESTAMP;

  constructor(context: OperatorContext) {
    this.#context = context;
  }

  /** @param outputMs the timestamp that results carry. */
  enter(timestampMs: number, outputMs: number): void {
    this.timestamp = timestampMs;
    this.#outputMs = outputMs;
  }

  get currentProcessingTime(): number {
    return this.#context.timers.currentProcessingTimeMs();
  }

  get currentKey(): Key {
    return this.#context.keyedState.currentKey();
  }

  output<O>(tag: OutputTag<O>, value: O, kind: RowKind = INSERT): void {
    if (tag === undefined || tag === null) {
      throw new UserError(
        'JOB_DEFINITION',
        `a side output of '${this.#context.operatorName}' was called without a tag`,
      );
    }
    let output = this.#sideOutputs.get(tag.id);
    if (output === undefined) {
      output = this.#context.sideOutput(tag as OutputTag<unknown>);
      this.#sideOutputs.set(tag.id, output);
    }
    output.collect(value, this.#outputMs, kind);
  }
}
