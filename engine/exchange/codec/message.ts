/*
 * A message between two threads: some records of a batch, or a control element. Little-endian, nothing is aligned.
 *
 * Records
 *   0    u8   RECORDS
 *   1    u8   flags: 1 all timestamps are NaN, and left out; 2 all kinds are the same; 4 the text is UTF-16, not Latin-1;
 *             8 the last message of a batch
 *   2    u8   the kind, if all are the same
 *   3    u8   how the keys are sent, KEYS_…
 *   4    u32  record count
 *   8    u32  bytes of the values, from 24
 *  12    u32  where the text starts
 *  16    u32  where the UTF-16 text of wide strings starts
 *  20    u32  message bytes
 *  24         values of the records (value-tags.ts); then, by KEYS_…: a key, the name of a field, a value per key
 *             timestamps, f64 each; keys, f64 or i32 each; kinds, u8 each
 *             the texts
 *
 * Control elements
 *   0    u8   WATERMARK, IDLE, ACTIVE, BARRIER or END
 *   1    u8   of a barrier: 1 isFull, 2 isLast
 *   8    f64  watermark, or checkpoint id
 */
export const RECORDS = 0;
export const WATERMARK = 1;
export const IDLE_STATUS = 2;
export const ACTIVE_STATUS = 3;
export const BARRIER = 4;
export const END = 5;

export const NO_TIMESTAMPS = 1;
export const SAME_KIND = 2;
export const WIDE_TEXT = 4;
export const LAST_OF_BATCH = 8;

/** All keys are the same. */
export const KEYS_SAME = 0;
export const KEYS_INT32 = 1;
export const KEYS_DOUBLE = 2;
/** Each key is the value of one field of its record. */
export const KEYS_FIELD = 3;
export const KEYS_VALUES = 4;

export const RECORDS_HEADER_BYTES = 24;
export const CONTROL_BYTES = 16;

export const IS_FULL = 1;
export const IS_LAST = 2;
