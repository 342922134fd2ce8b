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
  timers = new Map<string, number>();
  watermarkMs = 0;
  readonly #pauses: (() => void)[] = [];
  #n = 0;

  constructor(sizes: Sizes) {
    this.sizes = sizes;
  }

  async open(restoreFiles: readonly StateFile[]): Promise<void> {
    this.backend = await createKeyedStateBackend({
      operatorUid: 'tested',
      maxParallelism: 8,
      keyGroupStart: 0,
      keyGroupEnd: 8,
      store: this.store,
      storeOperatorId: this.#n++,
      storage: this.storage,
      restoreFiles,
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
      this.timers.set(key, Math.min(atMs, this.timers.get(key) ?? Infinity));
    }
    this.backend.clearCurrentKey();
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
