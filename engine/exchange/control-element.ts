/** What travels between records, in order with them. */
export type ControlElement = Watermark | StatusChange | Barrier | EndOfInput;

/** No record with timestamp <= `watermarkMs` follows on this channel. */
export interface Watermark {
  readonly tag: 'watermark';
  readonly watermarkMs: number;
}

/** The channel no longer holds the watermark back (idle), or does so again (active). */
export interface StatusChange {
  readonly tag: 'status';
  readonly isIdle: boolean;
}

/** Cuts the stream between what belongs to a checkpoint and what does not. */
export interface Barrier {
  readonly tag: 'barrier';
  readonly checkpointId: number;
  /** True for savepoints: every task writes all of its state into new files. */
  readonly isFull: boolean;
  /** True when the job stops with this checkpoint: sources emit nothing behind it. */
  readonly isLast: boolean;
}

/** Nothing follows on this channel. */
export interface EndOfInput {
  readonly tag: 'end';
}

export const END_OF_INPUT: EndOfInput = { tag: 'end' };
export const IDLE: StatusChange = { tag: 'status', isIdle: true };
export const ACTIVE: StatusChange = { tag: 'status', isIdle: false };
