import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  createKeyedStateBackend,
  type PagedKeyedStateBackend,
} from '../../../state/keyed/paged-keyed-state-backend.ts';
import { long, string } from '../../../state/schema/scalars.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { MemoryStorage } from './memory-storage.ts';

/*
 * A snapshot that takes its time, while everything it has cut off is overwritten, removed, fired, moved and evicted: it holds
 * the state of its barrier, and the next one what came after.
 */

const TEXT = { kind: 'value', name: 'text', schema: string() } as const;
const COUNTS = { kind: 'map', name: 'counts', keySchema: string(), schema: long() } as const;
const KEYS = 40;

interface Sizes {
  readonly decodedPagesMax: number;
  readonly encodedBytesMax: number;
  readonly sweepPages: number;
  readonly textLength: number;
}

/** A backend with a snapshot that goes on only when it is let. */
class Tested {
  readonly storage = new MemoryStorage();
  readonly store = new HeapPageStore();
  readonly sizes: Sizes;
  backend!: PagedKeyedStateBackend;
  texts!: ReturnType<typeof declare>;
  model = new Map<string, string>();
  /** Key and time of each. */
  timers = new Set<string>();
  watermarkMs = 0;
  readonly #pauses: (() => void)[] = [];
  #n = 0;

  constructor(sizes: Sizes) {
    this.sizes = sizes;
  }

  async open(restoreFiles: readonly StateFile[], lazyUnitBytes?: number): Promise<void> {
    this.#pauses.length = 0;
    this.backend = await createKeyedStateBackend({
      operatorUid: 'tested',
      maxParallelism: 8,
      keyGroupStart: 0,
      keyGroupEnd: 8,
      store: this.store,
      storeOperatorId: this.#n++,
      storage: this.storage,
      restoreFiles,
      ...(lazyUnitBytes !== undefined && { lazyRestore: { fromBytes: 0, unitBytes: lazyUnitBytes } }),
      cache: { decodedBytesMax: 1 << 20, splitBytes: 64, ...this.sizes },
      scheduler: {
        setTimer: () => expect.unreachable(),
        delay: () => expect.unreachable(),
        yield: () => new Promise<void>((resolve) => this.#pauses.push(resolve)),
      },
    });
    this.texts = declare(this.backend);
  }

  /** Lets the snapshot go on by so many pieces. */
  async release(pieces: number): Promise<void> {
    for (let i = 0; i < pieces; i++) {
      this.#pauses.shift()?.();
      for (let tick = 0; tick < 20; tick++) await Promise.resolve();
    }
  }

  async finish<T>(taken: Promise<T>): Promise<T> {
    let isDone = false;
    const done = taken.finally(() => void (isDone = true));
    done.catch(() => {});
    while (!isDone) await this.release(1);
    return await taken;
  }

  async write(keys: readonly string[], text: string | undefined): Promise<void> {
    for (let from = 0; from < keys.length;) {
      const end = await this.backend.prepare(keys, from, keys.length);
      for (let i = from; i < end; i++) {
        this.backend.select(i);
        this.#set(keys[i]!, text);
      }
      from = end;
    }
    this.backend.clearCurrentKey();
  }

  single(key: string, text: string | undefined): void {
    this.backend.setCurrentKey(key);
    this.#set(key, text);
    this.backend.clearCurrentKey();
  }

  #set(key: string, text: string | undefined): void {
    const { text: value, counts } = this.texts;
    if (text === undefined) {
      value.clear();
      counts.clear();
      this.model.delete(key);
      return;
    }
    const full = text + key + 'x'.repeat(this.sizes.textLength);
    value.update(full);
    for (let i = 0; i < 6; i++) counts.set(`${i}`, text.length * i);
    this.model.set(key, full);
  }

  async register(keys: readonly string[], atMs: number): Promise<void> {
    for (const key of keys) {
      this.backend.setCurrentKey(key);
      this.backend.registerEventTimeTimer(0, atMs);
      this.timers.add(`${key}@${atMs}`);
    }
    this.backend.clearCurrentKey();
  }

  /** The same for keys that may still have to be restored. */
  async registerPrepared(keys: readonly string[], atMs: number): Promise<void> {
    for (let from = 0; from < keys.length;) {
      const end = await this.backend.prepare(keys, from, keys.length);
      for (; from < end; from++) {
        const key = keys[from]!;
        this.backend.select(from);
        this.backend.registerEventTimeTimer(0, atMs);
        this.timers.add(`${key}@${atMs}`);
      }
    }
    this.backend.clearCurrentKey();
  }

  /** Fires timers, and expects those of all keys that have one due, in order, whether they are restored or not. */
  async fireDue(toMs: number): Promise<void> {
    const due = [...this.timers].filter((timer) => Number(timer.split('@')[1]) <= toMs);
    const fired: string[] = [];
    let lastMs = -Infinity;
    this.watermarkMs = Math.max(this.watermarkMs, toMs);
    const onTimer = (timestampMs: number): void => {
      const key = this.backend.currentKey() as string;
      expect(timestampMs).toBeGreaterThanOrEqual(lastMs);
      lastMs = timestampMs;
      fired.push(`${key}@${timestampMs}`);
      const text = `${this.texts.text.value() ?? ''}!`;
      this.texts.text.update(text);
      this.model.set(key, text);
    };
    while (!(await this.backend.fireEventTimeTimers(toMs, 7, onTimer)));
    expect(fired.sort()).toEqual(due.sort());
    for (const timer of due) this.timers.delete(timer);
  }

  /** Fires timers: each appends to its text. */
  async fire(toMs: number): Promise<void> {
    this.watermarkMs = toMs;
    const onTimer = (): void => {
      const key = this.backend.currentKey() as string;
      const text = `${this.texts.text.value() ?? ''}!`;
      this.texts.text.update(text);
      this.model.set(key, text);
    };
    while (!(await this.backend.fireEventTimeTimers(toMs, 7, onTimer)));
  }

  contents(): Map<string, string> {
    const found = new Map<string, string>();
    this.backend.forEachKey((key) => {
      const text = this.texts.text.value();
      if (text !== undefined) found.set(key as string, text);
      const counts = [...this.texts.counts.entries()];
      expect(counts.length === 0 || counts.length === 6, `${String(key)}: ${counts.length} counts`).toBe(true);
    });
    return found;
  }
}

function declare(backend: PagedKeyedStateBackend) {
  return { text: backend.state(TEXT), counts: backend.state(COUNTS) };
}

const someKeys = fc.uniqueArray(
  fc.nat(KEYS - 1).map((n) => `k${n}`),
  { minLength: 1, maxLength: KEYS, size: 'max' },
);
const anyStep = fc.oneof(
  fc.record({ do: fc.constant('write' as const), keys: someKeys, isClear: fc.constantFrom(false, false, true) }),
  fc.record({ do: fc.constant('single' as const), keys: someKeys, isClear: fc.boolean() }),
  fc.record({ do: fc.constant('register' as const), keys: someKeys, inMs: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ do: fc.constant('fire' as const), byMs: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ do: fc.constant('visit' as const) }),
  fc.record({ do: fc.constant('prefetch' as const), keys: someKeys }),
  fc.record({ do: fc.constant('release' as const), pieces: fc.integer({ min: 1, max: 5 }) }),
);
const anySteps = fc.array(anyStep, { maxLength: 12, size: 'max' });
const anySizes: fc.Arbitrary<Sizes> = fc.record({
  decodedPagesMax: fc.constantFrom(2, 10, 100),
  encodedBytesMax: fc.constantFrom(1, 100_000, 180_000, 1 << 20),
  sweepPages: fc.constantFrom(1, 4, 512),
  textLength: fc.constantFrom(10, 1000),
});

test('a slow snapshot holds the state of its barrier, and the next one all that came after', async () => {
  const property = fc.asyncProperty(
    anySizes,
    fc.array(fc.record({ steps: anySteps, fails: fc.constantFrom(false, false, true) }), { maxLength: 5, size: 'max' }),
    async (sizes, rounds) => {
      const tested = new Tested(sizes);
      await tested.open([]);
      let n = 0;
      await tested.write(
        Array.from({ length: KEYS }, (_, i) => `k${i}`),
        'first',
      );
      for (const [round, { steps, fails }] of rounds.entries()) {
        const atBarrier = new Map(tested.model);
        tested.storage.failPuts = fails;
        const taken = tested.backend.snapshot({ checkpointId: round, isFull: round === 2, filePrefix: `${round}` });
        taken.catch(() => {});
        for (const step of steps) {
          if (step.do === 'write') await tested.write(step.keys, step.isClear ? undefined : `w${n++}-`);
          else if (step.do === 'single') {
            for (const key of step.keys) tested.single(key, step.isClear ? undefined : `s${n++}-`);
          } else if (step.do === 'register') await tested.register(step.keys, tested.watermarkMs + step.inMs);
          else if (step.do === 'fire') await tested.fire(tested.watermarkMs + step.byMs);
          else if (step.do === 'prefetch') tested.backend.prefetch(step.keys, 0, step.keys.length);
          else if (step.do === 'visit') expect(tested.contents()).toEqual(tested.model);
          else await tested.release(step.pieces);
        }
        const result = await tested.finish(taken).catch(() => undefined);
        tested.storage.failPuts = false;
        if (result === undefined) {
          expect(fails).toBe(true);
          continue;
        }
        const copy = new Tested(sizes);
        copy.storage.objects.clear();
        for (const [key, bytes] of tested.storage.objects) copy.storage.objects.set(key, bytes);
        await copy.open(result);
        expect(copy.contents()).toEqual(atBarrier);
        await copy.backend.close();
      }
      expect(tested.contents()).toEqual(tested.model);
      await tested.backend.close();
    },
  );
  await fc.assert(property, { numRuns: 150 });
}, 300_000);

test('state that is restored while it is changed, cut off and lost again is that of the last snapshot', async () => {
  const anyLife = fc.record({ steps: anySteps, cutAt: fc.nat(12), unitBytes: fc.constantFrom(1, 20_000, 1 << 20) });
  const property = fc.asyncProperty(
    anySizes,
    fc.array(anyLife, { maxLength: 4, size: 'max' }),
    async (sizes, lives) => {
      const tested = new Tested(sizes);
      await tested.open([]);
      let n = 0;
      const keys = Array.from({ length: KEYS }, (_, i) => `k${i}`);
      await tested.write(keys, 'first');
      let files = await tested.finish(tested.backend.snapshot({ checkpointId: 0, isFull: false, filePrefix: '0' }));
      let model = new Map(tested.model);
      let timers = new Set(tested.timers);
      for (const [life, { steps, cutAt, unitBytes }] of lives.entries()) {
        // What came after the last snapshot is lost.
        await tested.finish(tested.backend.close());
        tested.model = new Map(model);
        tested.timers = new Set(timers);
        await tested.open(files, unitBytes);
        let taken: Promise<readonly StateFile[]> | undefined = undefined;
        let atBarrier = model;
        let timersAtBarrier = timers;
        for (const [i, step] of steps.entries()) {
          if (i === cutAt) {
            atBarrier = new Map(tested.model);
            timersAtBarrier = new Set(tested.timers);
            taken = tested.backend.snapshot({ checkpointId: life + 1, isFull: life === 1, filePrefix: `${life + 1}` });
            taken.catch(() => {});
          }
          if (step.do === 'write')
            await tested.finish(tested.write(step.keys, step.isClear ? undefined : `w${n++}-`.repeat(1 + (n % 5))));
          else if (step.do === 'register')
            await tested.finish(tested.registerPrepared(step.keys, tested.watermarkMs + step.inMs));
          else if (step.do === 'fire') await tested.finish(tested.fireDue(tested.watermarkMs + step.byMs));
          else if (step.do === 'prefetch') tested.backend.prefetch(step.keys, 0, step.keys.length);
          else if (step.do === 'release') await tested.release(step.pieces);
        }
        if (taken === undefined) continue;
        files = await tested.finish(taken);
        model = atBarrier;
        timers = timersAtBarrier;
        expect(tested.contents()).toEqual(tested.model);
      }
      await tested.finish(tested.backend.close());
      const copy = new Tested(sizes);
      for (const [key, bytes] of tested.storage.objects) copy.storage.objects.set(key, bytes);
      await copy.open(files);
      expect(copy.contents()).toEqual(model);
      await copy.backend.close();
    },
  );
  await fc.assert(property, { numRuns: 150 });
}, 300_000);
