import { expect, test } from 'vitest';
import { UserError } from '../../../engine/base/errors.ts';
import { formatBytes, parseByteSize } from '../../../engine/cli/byte-size.ts';

test.each([
  ['4096', 4096],
  ['12b', 12],
  ['1kb', 1024],
  ['256MB', 256 * 1024 ** 2],
  [' 1.5 GB ', 1.5 * 1024 ** 3],
  ['0', 0],
])('%j is %d bytes', (text, bytes) => {
  expect(parseByteSize(text, '--cache')).toBe(bytes);
});

test.each(['', 'MB', '-1', '1TB', '1.MB', '1 2', '1e3'])('%j is no size', (text) => {
  expect(() => parseByteSize(text, '--cache')).toThrow(UserError);
  expect(() => parseByteSize(text, '--cache')).toThrow(`--cache: expected a size such as 256MB, found '${text}'`);
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 kB'],
  [1024 ** 2 - 1, '1024 kB'],
  [1.44 * 1024 ** 2, '1.4 MB'],
  [12.4 * 1024 ** 2, '12 MB'],
  [1.25 * 1024 ** 3, '1.3 GB'],
])('%d bytes are shown as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
