import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../../engine/base/environment-virtual.ts';
import type { RawRecord } from '../../../../jobs/attribution/raw-record.ts';
import { CLICK_COLUMNS } from '../../../../jobs/attribution/parse/parse-click-row.ts';
import type { SourceName } from '../../../../jobs/attribution/schemas.ts';
import { Simulator, STREAMS } from '../../../../jobs/simulator/simulator.ts';
import { FileTarget } from '../../../../jobs/simulator/write/file-target.ts';
import { runSimulator } from '../../../../jobs/simulator/write/run-simulator.ts';
import type { SimulatorTarget } from '../../../../jobs/simulator/write/simulator-target.ts';
import { avroContainer } from '../../../../operators/format/avro/avro-container.ts';
import { CollectOutput } from '../../../../operators/format/collect-output.ts';
import { DirectoryStorage } from '../../../../state/storage/directory-storage.ts';
import { BidRequestWire } from '../../../../jobs/attribution/bid-request-wire.ts';

const simulator = new Simulator({
  profile: 'dense',
  impressionsPerSecond: 100,
  clickDelayMax: '5s',
  partitions: 2,
  seed: 4,
});

class MemoryTarget implements SimulatorTarget {
  readonly description = 'memory';
  readonly records = new Map<string, RawRecord[]>();
  isClosed = false;

  async open(streams: readonly SourceName[], partitions: number): Promise<void> {
    for (const stream of streams) for (let p = 0; p < partitions; p++) this.records.set(`${stream}/${p}`, []);
  }

  async write(stream: SourceName, partition: number, records: readonly RawRecord[]): Promise<void> {
    this.records.get(`${stream}/${partition}`)!.push(...records);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

test('everything logged in the time given is written once, in order', async () => {
  const environment = new VirtualEnvironment();
  const target = new MemoryTarget();
  const { recordCount } = await environment.run(runSimulator({ simulator, target, environment, durationMs: 20_100 }));
  let total = 0;
  for (const stream of STREAMS) {
    for (let partition = 0; partition < 2; partition++) {
      const written = target.records.get(`${stream}/${partition}`)!;
      expect(written.map((record) => record.offset)).toEqual(written.map((_, index) => index));
      expect(written).toHaveLength(simulator.countWithin(stream, partition, 20_100));
      total += written.length;
    }
  }
  expect(recordCount).toBe(total);
  expect(target.isClosed).toBe(true);
});

test('the pace is kept, and a signal ends the run', async () => {
  const environment = new VirtualEnvironment();
  const target = new MemoryTarget();
  const abort = new AbortController();
  const running = runSimulator({
    simulator,
    target,
    environment,
    speed: 2,
    signal: abort.signal,
    streams: ['impressions'],
  });
  await environment.advance(3_000);
  const counts = [0, 1].map((partition) => simulator.countWithin('impressions', partition, 6_000));
  expect(target.records.get('impressions/0')).toHaveLength(counts[0]!);
  expect(target.records.get('impressions/1')).toHaveLength(counts[1]!);
  abort.abort();
  const { worldMs } = await environment.run(running);
  expect(worldMs).toBeLessThanOrEqual(6_500);
});

test('files hold the rows: JSON lines, CSV with a header, Avro containers', async () => {
  const environment = new VirtualEnvironment();
  const storage = new DirectoryStorage(environment, 'raw');
  const target = new FileTarget({ storage, prefix: 'in', recordsPerFile: 400 });
  await environment.run(runSimulator({ simulator, target, environment, durationMs: 10_000 }));
  const keys = (await environment.run(storage.list('in/'))).map((entry) => entry.key);
  expect(keys).toContain('in/impressions/part-0-1.jsonl');
  const read = async (key: string): Promise<Buffer> => Buffer.from((await environment.run(storage.get(key)))!.bytes);

  const lines = (await read('in/impressions/part-0-0.jsonl')).toString().trimEnd().split('\n');
  expect(lines).toHaveLength(400);
  expect(lines[7]).toBe(Buffer.from(simulator.log('impressions', 0).recordAt(7).bytes).toString());
  const rows = (await read('in/clicks_conversions/part-1-0.csv')).toString().trimEnd().split('\n');
  expect(rows[0]).toBe(CLICK_COLUMNS.join(','));
  expect(rows).toHaveLength(1 + simulator.countWithin('clicks_conversions', 1, 10_000));

  const container = await read('in/bid_requests/part-0-0.avro');
  const decoder = avroContainer(BidRequestWire).createDecoder('stream');
  const head = decoder.readHead!(container, container.length, true)!;
  const output = new CollectOutput<BidRequestWire>();
  decoder.decode(container, head, container.length, true, output);
  const cutCount = Array.from({ length: 400 }, (_, i) => simulator.log('bid_requests', 0).entryAt(i)).filter(
    (entry) => entry.trouble === 'unparseable',
  ).length;
  expect(output.records).toHaveLength(400 - cutCount);
  expect(output.records[0]!.auction_details.auction_id).toMatch(/^[0-9a-f]{16}$/);
});
