const NEWLINE = 0x0a;

/** The first place at or after `from` where a line starts, or -1 when none does before `end`. Files start with a line. */
export function findLineStart(bytes: Buffer, from: number, end: number): number {
  if (from === 0 || bytes[from - 1] === NEWLINE) return from < end ? from : -1;
  const newline = bytes.indexOf(NEWLINE, from);
  return newline < 0 || newline + 1 >= end ? -1 : newline + 1;
}

/** Length of a UTF-8 byte order mark at `at`: 3 or 0. */
export function byteOrderMarkBytes(bytes: Buffer, at: number, end: number): number {
  return end - at >= 3 && bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf ? 3 : 0;
}
