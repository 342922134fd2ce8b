import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Key, Namespace } from '../../../state/keyed/key.ts';
import {
  createKeyedStateBackend,
  type PagedKeyedStateBackend,
} from '../../../state/keyed/paged-keyed-state-backend.ts';
import type { ValueState } from '../../../state/keyed/state.ts';
import { long } from '../../../state/schema/scalars.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { MemoryStorage } from './memory-storage.ts';

const START_MS = 1_767_225_600_000;

interface Timer {
  readonly key: Key;
  readonly namespace: Namespace;
  readonly atMs: number;
}

/** Timers and a number per key. A timer clears its key's number, or adds to it and sets another timer: as its time says. */
class Model {
  timers: Timer[] = [];
  numbers = new Map<Key, number>();

  clone(): Model {
    const copy = new Model();
    copy.timers = [...this.timers];
    copy.numbers = new Map(this.numbers);
    return copy;
  }

  register(timer: Timer): void {
    const isSame = (other: Timer): boolean =>
      other.key === timer.key && other.namespace === timer.namespace && other.atMs === timer.atMs;
    if (!this.timers.some(isSame)) this.timers.push(timer);
  }

  advance(untilMs: number): Timer[] {
    const fired: Timer[] = [];
    for (;;) {
      const next = this.timers.reduce<Timer | undefined>(
        (first, timer) => (timer.atMs <= untilMs && !(first !== undefined && first.atMs <= timer.atMs) ? timer : first),
        undefined,
      );
      if (next === undefined) return fired;
      this.timers = this.timers.filter((timer) => timer !== next);
      fired.push(next);
      if (clears(next.atMs)) {
        this.numbers.delete(next.key);
      } else {
        this.numbers.set(next.key, (this.numbers.get(next.key) ?? 0) + 1);
        this.register({ ...next, atMs: nextMs(next.atMs) });
      }
    }
  }
}

const clears = (atMs: number): boolean => atMs % 3 > 0;
/** Sometimes in the same second, sometimes much later. */
const nextMs = (atMs: number): number => atMs + 1 + (atMs % 7) * (atMs % 2 === 0 ? 10 : 5000);

interface Subject {
  readonly backend: PagedKeyedStateBackend;
  readonly numbers: ValueState<number>;
}

async function open(
  cache: { pages: number; encodedBytes: number },
  storage: MemoryStorage,
  files: readonly StateFile[],
) {
  const backend = await createKeyedStateBackend({
    operatorUid: 'tested',
    maxParallelism: 128,
    keyGroupStart: 0,
    keyGroupEnd: 128,
    store: new HeapPageStore(),
    storeOperatorId: 0,
    storage,
    restoreFiles: files,
    cache: { decodedBytesMax: 1 << 24, encodedBytesMax: cache.encodedBytes, decodedPagesMax: cache.pages },
  });
  return { backend, numbers: backend.state({ kind: 'value', name: 'number', schema: long() }) };
}

async function advance({ backend, numbers }: Subject, untilMs: number): Promise<Timer[]> {
  const fired: Timer[] = [];
  const onTimer = (atMs: number, namespace: Namespace): void => {
    fired.push({ key: backend.currentKey(), namespace, atMs });
    if (clears(atMs)) {
      numbers.clear();
    } else {
      numbers.update((numbers.value() ?? 0) + 1);
      backend.registerEventTimeTimer(namespace, nextMs(atMs));
    }
  };
  backend.setWatermark(untilMs);
  while (!(await backend.fireEventTimeTimers(untilMs, 3, onTimer)));
  backend.clearCurrentKey();
  return fired;
}

const anyChange = fc.record({
  key: fc.nat(60).map((n): Key => (n % 2 === 0 ? n : `key-${n}`)),
  isDelete: fc.constantFrom(false, false, false, true),
  namespace: fc.constantFrom<Namespace>(0, 'a'),
  delayMs: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: -50, max: 3000 }) },
    { weight: 4, arbitrary: fc.nat(100_000) },
    { weight: 1, arbitrary: fc.nat(400_000) },
  ),
  number: fc.option(fc.nat(100), { nil: undefined }),
});

const anyStep = fc.record({
  changes: fc.array(anyChange, { maxLength: 80, size: 'max' }),
  advanceMs: fc.oneof(
    { weight: 8, arbitrary: fc.nat(2000) },
    { weight: 2, arbitrary: fc.nat(40_000) },
    { weight: 1, arbitrary: fc.nat(300_000) },
  ),
  then: fc.constantFrom('nothing', 'nothing', 'snapshot', 'restore'),
});

const anyCache = fc.record({ pages: fc.constantFrom(2, 24, 60, 1000), encodedBytes: fc.constantFrom(1, 1 << 20) });

test('law: timers fire once, in order of time, with the state of their key, whatever leaves memory meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 12, size: 'max' }), anyCache, async (steps, cache) => {
      const storage = new MemoryStorage();
      let subject: Subject = await open(cache, storage, []);
      let model = new Model();
      let kept = { files: [] as readonly StateFile[], model: new Model() };
      let nowMs = START_MS;
      let checkpointId = 0;
      for (const step of steps) {
        const { backend, numbers } = subject;
        const keys = step.changes.map(({ key }) => key);
        for (let from = 0; from < keys.length;) {
          const end = await backend.prepare(keys, from, keys.length);
          for (let i = from; i < end; i++) {
            const { key, isDelete, namespace, delayMs, number } = step.changes[i]!;
            const timer = { key, namespace, atMs: nowMs + delayMs };
            backend.select(i);
            expect(numbers.value()).toBe(model.numbers.get(key));
            numbers.update(number);
            if (number === undefined) model.numbers.delete(key);
            else model.numbers.set(key, number);
            const known = model.timers.find((other) => other.key === key);
            if (isDelete && known !== undefined) {
              backend.deleteEventTimeTimer(known.namespace, known.atMs);
              model.timers = model.timers.filter((other) => other !== known);
            } else {
              backend.registerEventTimeTimer(namespace, timer.atMs);
              model.register(timer);
            }
          }
          from = end;
        }
        backend.clearCurrentKey();
        nowMs += step.advanceMs;
        const fired = await advance(subject, nowMs);
        const expected = model.advance(nowMs);
        expect(fired.map(({ atMs }) => atMs)).toEqual(expected.map(({ atMs }) => atMs));
        expect(texts(fired)).toEqual(texts(expected));
        expect(backend.eventTimeTimerCount()).toBe(model.timers.length);
        if (step.then === 'snapshot') {
          const files = await backend.snapshot({ checkpointId: ++checkpointId, isFull: false, filePrefix: 'x' });
          kept = { files, model: model.clone() };
        } else if (step.then === 'restore' && kept.files.length > 0) {
          await backend.close();
          model = kept.model.clone();
          subject = await open(cache, storage, kept.files);
        }
        const live = new Set([...model.numbers.keys(), ...model.timers.map(({ key }) => key)]);
        expect(subject.backend.pageCount()).toBe(live.size);
      }
      for (const [key, number] of model.numbers) {
        subject.backend.setCurrentKey(key);
        expect(subject.numbers.value()).toBe(number);
      }
      await subject.backend.close();
    }),
    { numRuns: 120 },
  );
}, 120_000);

function texts(timers: readonly Timer[]): string[] {
  return timers.map(({ key, namespace, atMs }) => `${atMs} ${typeof key} ${key} ${namespace}`).sort();
}
