import { expect, test } from 'vitest';
import { ChangeLog } from '../../../state/keyed/change-log.ts';
import { ENTRY_HEADER_BYTES, entryBytes, Segment } from '../../../state/keyed/segment.ts';
import type { PageRun } from '../../../state/snapshot/page-run.ts';

/** A log whose files are named by the keys written, and which writes when it is let. */
function testCreateLog(gate: Promise<void>, written: string[]): ChangeLog {
  const write = async (run: PageRun) => {
    await gate;
    let name = '';
    while (run.next()) name += run.buffer.toString('latin1', run.keyOffset, run.keyOffset + run.keyLength);
    written.push(name);
    const file = { key: name, bytes: 1, checksum: 0, kind: 'delta', pageCount: 1, keyGroupStart: 0, keyGroupEnd: 8 };
    return [{ ...file, kind: 'delta' as const }];
  };
  return new ChangeLog({ keyGroupStart: 0, keyGroupEnd: 8, partBytesMax: 1 << 20, write });
}

function testAdd(log: ChangeLog, key: string): void {
  const segment = new Segment(1, 256);
  segment.words.set([key.charCodeAt(0), key.length, 1, 0, 1]);
  segment.buffer.write(`${key}\0`, ENTRY_HEADER_BYTES, 'latin1');
  segment.used = entryBytes(key.length, 1);
  log.add(segment, 0);
}

test('what a failed snapshot left is written once, before what came after', async () => {
  const gate = Promise.withResolvers<void>();
  const written: string[] = [];
  const older = testCreateLog(gate.promise, written);
  const newer = testCreateLog(gate.promise, written);
  testAdd(older, 'a');
  testAdd(newer, 'b');
  newer.prepend(older);
  const files = newer.files();
  gate.resolve();
  expect((await files).map(({ key }) => key)).toEqual(['a', 'b']);
  await older.idle();
  expect(written).toEqual(['a', 'b']);
});
