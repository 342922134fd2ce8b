import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BarrierAligner } from '../../../engine/task/barrier-aligner.ts';
import { readVectors, type Vector } from '../../conformance/vector.ts';

interface BarrierStep {
  readonly t: 'buffer' | 'barrier' | 'cancelBarrier' | 'endOfPartition';
  readonly channel: number;
  readonly id?: number;
}

interface BarrierExpectation {
  readonly by: number;
  readonly trigger?: number;
  readonly abort?: number;
  readonly blocked?: readonly number[];
  readonly latest?: number;
  readonly count?: { readonly triggered: number; readonly aborted: number };
}

const vectors = ['flink-vectors.json.gz', 'flink-random.json.gz']
  .flatMap((file) => readVectors(new URL(`../../conformance/${file}`, import.meta.url)))
  .filter((vector) => vector.operator.type === 'alignedBarrierHandler');

test(`barriers align as Flink's do, in ${vectors.length} vectors`, () => {
  expect(vectors.length).toBeGreaterThan(50);
  const differences = vectors.flatMap((vector) => {
    const difference = replay(vector);
    return difference === undefined ? [] : [`${vector.name}: ${difference}`];
  });
  expect(differences).toEqual([]);
});

/** Returns the first difference. */
function replay(vector: Vector): string | undefined {
  const triggered: { readonly id: number; readonly step: number }[] = [];
  const aborted: { readonly id: number; readonly step: number }[] = [];
  let step = 0;
  const aligner = new BarrierAligner({
    channelCount: vector.operator['channels'] as number,
    checkpointsAfterTasksFinish: vector.operator['checkpointsAfterTasksFinish'] as boolean | undefined,
    listener: {
      onAligned: (id) => void triggered.push({ id, step }),
      onAborted: (id) => void aborted.push({ id, step }),
    },
  });
  const expectations = vector.expect as unknown as readonly BarrierExpectation[];
  for (const input of vector.input as unknown as readonly BarrierStep[]) {
    step++;
    if (input.t === 'barrier') aligner.onBarrier(input.channel, input.id!);
    else if (input.t === 'cancelBarrier') aligner.onCancelBarrier(input.id!);
    else if (input.t === 'endOfPartition') aligner.onEndOfPartition(input.channel);
    else if (aligner.isBlocked(input.channel)) return `step ${step}: a buffer came on the blocked channel`;
    for (const expected of expectations) {
      if (expected.by !== step) continue;
      const found = {
        blocked: aligner.blockedChannels,
        latest: aligner.latestCheckpointId,
        count: { triggered: triggered.length, aborted: aborted.length },
      };
      for (const field of ['blocked', 'latest', 'count'] as const) {
        const [left, right] = [JSON.stringify(expected[field]), JSON.stringify(found[field])];
        if (left !== undefined && left !== right) return `step ${step}: expected ${field} ${left}, found ${right}`;
      }
    }
  }
  const expectedTriggers = expectations.filter((entry) => entry.trigger !== undefined);
  const ids = triggered.map(({ id }) => id).join();
  if (ids !== expectedTriggers.map((entry) => entry.trigger).join()) return `triggered ${ids}`;
  const lateAt = expectedTriggers.findIndex((entry, i) => triggered[i]!.step > entry.by);
  if (lateAt >= 0) return `checkpoint ${triggered[lateAt]!.id} was triggered at step ${triggered[lateAt]!.step}`;
  const missing = expectations.find(
    ({ abort, by }) => abort !== undefined && !aborted.some(({ id, step: at }) => id === abort && at <= by),
  );
  return missing === undefined ? undefined : `checkpoint ${missing.abort} was not aborted by step ${missing.by}`;
}

/*
 * The law itself, against channels whose contents are known: every record before a channel's barrier is read before the
 * checkpoint is taken, none behind it is.
 */
test('a checkpoint holds exactly the records before its barrier, whatever the order of the channels', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          records: fc.array(fc.nat(3), { minLength: 1, maxLength: 6 }),
          endsAfter: fc.option(fc.nat(6), { nil: undefined }),
        }),
        { minLength: 1, maxLength: 5 },
      ),
      fc.infiniteStream(fc.nat(100)),
      (plans, choices) => {
        const channels = plans.map(({ records, endsAfter }) => elementsOf(records.slice(0, endsAfter), endsAfter));
        const readCounts = channels.map(() => 0);
        const open = new Set(channels.keys());
        const taken: { readonly id: number; readonly counts: readonly number[] }[] = [];
        const aligner: BarrierAligner = new BarrierAligner({
          channelCount: channels.length,
          listener: {
            onAligned: (id) => void taken.push({ id, counts: [...readCounts] }),
            onAborted: () => expect.unreachable('no checkpoint is given up here'),
          },
        });
        const positions = channels.map(() => 0);
        for (const choice of choices) {
          const readable = [...open].filter((channel) => !aligner.isBlocked(channel));
          if (open.size === 0) break;
          expect(readable.length, 'all open channels are blocked').toBeGreaterThan(0);
          const channel = readable[choice % readable.length]!;
          const element = channels[channel]![positions[channel]!++]!;
          if (element === 'record') readCounts[channel]!++;
          else if (element === 'end') {
            open.delete(channel);
            aligner.onEndOfPartition(channel);
          } else aligner.onBarrier(channel, element);
        }
        for (const { id, counts } of taken) {
          expect(counts).toEqual(channels.map((elements) => recordsBefore(elements, id)));
        }
        const lastId = Math.max(...channels.flatMap((elements) => elements.filter((e) => typeof e === 'number')), 0);
        expect(taken.map(({ id }) => id)).toEqual(Array.from({ length: lastId }, (_, i) => i + 1));
      },
    ),
    { numRuns: 300 },
  );
});

type Element = 'record' | 'end' | number;

/** `records[i]` records, then barrier i + 1. A channel that ends early ends before its next barrier. */
function elementsOf(records: readonly number[], endsAfter: number | undefined): Element[] {
  const elements = records.flatMap((count, i): Element[] => [...new Array<Element>(count).fill('record'), i + 1]);
  if (endsAfter !== undefined) elements.push('record');
  // All channels that live on deliver the same barriers.
  const last =
    endsAfter === undefined ? [...Array.from({ length: 6 - records.length }, (_, i) => records.length + i + 1)] : [];
  return [...elements, ...last, 'end'];
}

function recordsBefore(elements: readonly Element[], id: number): number {
  const at = elements.indexOf(id);
  return (at < 0 ? elements : elements.slice(0, at)).filter((element) => element === 'record').length;
}

test('what a checkpoint waits for can be named', () => {
  const aligner = new BarrierAligner({ channelCount: 4, listener: { onAligned: () => {}, onAborted: () => {} } });
  expect(aligner.waitingFor).toBeUndefined();
  aligner.onEndOfPartition(2);
  aligner.onBarrier(1, 7);
  expect(aligner.waitingFor).toEqual({ checkpointId: 7, channels: [0, 3] });
  aligner.onBarrier(3, 7);
  aligner.onBarrier(0, 7);
  expect(aligner.waitingFor).toBeUndefined();
});
