import { InternalError } from '../base/errors.ts';
import type { RowKind } from './row-kind.ts';

/**
 * Where an operator sends records: the next operator of its chain, or a channel to another task. Abstract class, not
 * interface, so that V8 sees few shapes at the hot call.
 */
export abstract class Output<T> {
  /** @param timestampMs event time, or NO_TIMESTAMP. */
  abstract collect(value: T, timestampMs: number, kind: RowKind): void;
}

class UnconnectedOutput extends Output<never> {
  collect(): void {
    throw new InternalError('record emitted before the operator was opened');
  }
}

/** Unwired edges throw, so the record path needs no null checks. */
export const UNCONNECTED_OUTPUT: Output<never> = new UnconnectedOutput();

class DiscardingOutput extends Output<unknown> {
  collect(): void {}
}

/** Swallows records: side outputs and results nobody reads. */
export const DISCARDING_OUTPUT: Output<unknown> = new DiscardingOutput();
