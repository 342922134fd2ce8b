import type { IsolationLevel, KafkaTransport } from '../../../operators/kafka/kafka-transport.ts';
import { RecordColumns } from '../../../operators/kafka/record-columns.ts';
import { RecordSetCursor } from '../../../operators/kafka/record-set-cursor.ts';

export interface ReadRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Reads a partition from `offset` to what is its end for this isolation now. */
export async function readRecords(
  transport: KafkaTransport,
  topic: string,
  partition: number,
  options: { readonly offset?: number; readonly isolation?: IsolationLevel; readonly maxBytes?: number } = {},
): Promise<ReadRecord[]> {
  const { isolation = 'read_committed', maxBytes = 1_000_000 } = options;
  const [end] = await transport.listOffsets([{ topic, partition, at: 'latest' }], isolation);
  const [description] = await transport.describeTopics([topic]);
  const { leaderId } = description!.partitions[partition]!;
  const records: ReadRecord[] = [];
  const columns = new RecordColumns();
  for (let offset = options.offset ?? 0; offset < end!;) {
    const partitions = [{ topic, partition, offset, maxBytes }];
    const [fetched] = await transport.fetch({ leaderId, partitions, isolation, maxWaitMs: 100, maxBytes });
    if (fetched!.status !== 'ok') throw new Error(`${topic}-${partition} at ${offset}: ${fetched!.status}`);
    const set = { description: topic, bytes: fetched!.records, startOffset: offset, aborted: fetched!.aborted };
    const cursor = new RecordSetCursor(set);
    for (let first = cursor.next(columns); first >= 0; first = cursor.next(columns)) {
      for (let i = first; i < columns.count; i++) {
        records.push({
          offset: columns.offsets[i]!,
          timestampMs: columns.timestampsMs[i]!,
          key: columns.key(i)?.toString() ?? null,
          value: columns.value(i)?.toString() ?? null,
          headers: Object.fromEntries(
            columns.headers(i).map(({ name, value }) => [name, Buffer.from(value).toString()]),
          ),
        });
      }
    }
    offset = cursor.nextOffset;
  }
  return records;
}
