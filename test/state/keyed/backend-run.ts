import { expect } from 'vitest';
import { keyGroupOf, keyGroupRange } from '../../../state/keyed/key-group.ts';
import type { Key, Namespace } from '../../../state/keyed/key.ts';
import {
  createKeyedStateBackend,
  type PagedKeyedStateBackend,
} from '../../../state/keyed/paged-keyed-state-backend.ts';
import type { AggregatingStateDescriptor } from '../../../state/keyed/state.ts';
import { record } from '../../../state/schema/record.ts';
import { float64, long, string } from '../../../state/schema/scalars.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import type { PageStore } from '../../../state/store/page-store.ts';
import { type Domain, MAX_PARALLELISM, Model, NEVER, TTL_MS } from './backend-model.ts';
import type { Access, CacheSize, Step } from './backend-steps.ts';
import { MemoryStorage } from './memory-storage.ts';

const VALUE = { kind: 'value', name: 'value', schema: string() } as const;
const LIST = { kind: 'list', name: 'list', schema: long() } as const;
const MAP = { kind: 'map', name: 'map', keySchema: string(), schema: float64() } as const;
const SUM = {
  kind: 'reducing',
  name: 'sum',
  schema: long(),
  isNamespaced: true,
  reduce: (a: number, b: number) => a + b,
} as const;
const Average = record('Average', { count: long(), total: long() });
const AVERAGE: AggregatingStateDescriptor<number, { count: number; total: number }, string> = {
  kind: 'aggregating',
  name: 'average',
  schema: Average,
  isNamespaced: true,
  createAccumulator: () => ({ count: 0, total: 0 }),
  add: (acc, value) => ({ count: acc.count + 1, total: acc.total + value }),
  getResult: (acc) => `${acc.count}/${acc.total}`,
  merge: (a, b) => ({ count: a.count + b.count, total: a.total + b.total }),
};
const SEEN = {
  kind: 'value',
  name: 'seen',
  schema: long(),
  ttl: { timeToLiveMs: TTL_MS, timeDomain: 'eventTime' },
} as const;
const RECENT = {
  kind: 'list',
  name: 'recent',
  schema: long(),
  ttl: { timeToLiveMs: TTL_MS, timeDomain: 'processingTime', update: 'onReadAndWrite' },
} as const;

function openStates(backend: PagedKeyedStateBackend) {
  return {
    value: backend.state(VALUE),
    list: backend.state(LIST),
    map: backend.state(MAP),
    sum: backend.state(SUM),
    average: backend.state(AVERAGE),
    seen: backend.state(SEEN),
    recent: backend.state(RECENT),
  };
}

interface Subtask {
  readonly backend: PagedKeyedStateBackend;
  readonly states: ReturnType<typeof openStates>;
  readonly from: number;
  readonly to: number;
  isRestored: boolean;
}

interface Kept {
  readonly files: readonly StateFile[];
  readonly model: Model;
}

let nextOperatorId = 0;

/** Resolves after so many promises, one after the other, have. */
async function ticks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}

function neverNeeded(): never {
  throw new Error('a backend needs no timers');
}

/** Applies steps to backends and model alike and compares them. */
export class Run {
  readonly storage = new MemoryStorage();
  readonly store: PageStore;
  readonly cache: CacheSize;
  subtasks: Subtask[] = [];
  model = new Model();
  kept: Kept = { files: [], model: new Model() };
  running: Promise<unknown> = Promise.resolve();
  checkpointId = 0;

  constructor(cache: CacheSize, store: PageStore) {
    this.cache = cache;
    this.store = store;
  }

  async start(): Promise<void> {
    await this.open(1, []);
    for (const { backend } of this.subtasks) backend.setProcessingTime(0);
  }

  async open(parallelism: number, files: readonly StateFile[]): Promise<void> {
    this.subtasks = [];
    for (let i = 0; i < parallelism; i++) {
      const range = keyGroupRange(i, parallelism, MAX_PARALLELISM);
      const backend = await createKeyedStateBackend({
        operatorUid: 'tested',
        maxParallelism: MAX_PARALLELISM,
        keyGroupStart: range.start,
        keyGroupEnd: range.end,
        store: this.store,
        storeOperatorId: nextOperatorId++,
        storage: this.storage,
        restoreFiles: files,
        cache: { decodedBytesMax: 1 << 16, ...this.cache },
        stateFileBytesMax: this.cache.stateFileBytesMax,
        lazyRestore:
          this.cache.restoreBytes === undefined ? undefined : { fromBytes: 0, unitBytes: this.cache.restoreBytes },
        scheduler: { setTimer: neverNeeded, delay: neverNeeded, yield: () => ticks(this.cache.pauseTicks) },
      });
      const subtask = { backend, states: openStates(backend), from: range.start, to: range.end, isRestored: false };
      this.subtasks.push(subtask);
      const noteRestored = (): void => void (subtask.isRestored = true);
      if (this.cache.restoreBytes === undefined) noteRestored();
      else backend.whenRestored().then(noteRestored, () => {});
    }
  }

  async whenRestored(): Promise<void> {
    for (const subtask of this.subtasks) {
      await subtask.backend.whenRestored();
      subtask.isRestored = true;
    }
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'batch':
        for (const subtask of this.subtasks) {
          const mine = step.accesses.filter(({ key }) => {
            const group = keyGroupOf(key, MAX_PARALLELISM);
            return group >= subtask.from && group < subtask.to;
          });
          await this.batch(subtask, mine);
        }
        return;
      case 'advance':
        for (const subtask of this.subtasks) await this.advance(subtask, step.domain, step.by);
        if (step.domain === 'event') this.model.setWatermark(this.#after(step));
        else this.model.processingTime = this.#after(step);
        return;
      case 'snapshot':
        await this.snapshot(step.isFull, step.fails, step.waits);
        return;
      case 'prefetch':
        for (const { backend } of this.subtasks) backend.prefetch(step.keys, 0, step.keys.length);
        return;
      case 'everyKey':
        await this.whenRestored();
        for (const subtask of this.subtasks) this.everyKey(subtask, step.add);
        return;
      case 'restore':
        await this.running;
        for (const { backend } of this.subtasks) await backend.close();
        this.model = this.kept.model.clone();
        await this.open(step.parallelism, this.kept.files);
        // Watermarks are not state; telling the old one at once makes what expired before the snapshot comparable.
        this.model.firstWatermark = this.model.watermark === NEVER ? Infinity : this.model.watermark;
        for (const { backend } of this.subtasks) {
          if (this.model.watermark !== NEVER) backend.setWatermark(this.model.watermark);
          backend.setProcessingTime(this.model.processingTime);
        }
        // Whether an entry of before the first watermark had got its time when the snapshot was taken is left open.
        for (const [key, mine] of this.model.keys) {
          if (mine.seen?.at !== NEVER) continue;
          const { backend, states } = this.subtaskOf(key);
          await backend.prepare([key], 0, 1);
          backend.select(0);
          states.seen.clear();
          backend.clearCurrentKey();
          mine.seen = undefined;
        }
        this.checkCounts();
    }
  }

  #after(step: { readonly domain: Domain; readonly by: number }): number {
    return (step.domain === 'event' ? Math.max(0, this.model.watermark) : this.model.processingTime) + step.by;
  }

  async batch(subtask: Subtask, accesses: readonly Access[]): Promise<void> {
    const keys = accesses.map(({ key }) => key);
    for (let from = 0; from < keys.length;) {
      const end = await subtask.backend.prepare(keys, from, keys.length);
      expect(end).toBeGreaterThan(from);
      for (let i = from; i < end; i++) {
        subtask.backend.select(i);
        this.access(subtask, accesses[i]!);
        if (i % 3 === 0) this.compare(subtask, accesses[i]!.key);
      }
      from = end;
    }
    subtask.backend.clearCurrentKey();
  }

  access({ backend, states }: Pick<Subtask, 'backend' | 'states'>, access: Access): void {
    const { key } = access;
    const { model } = this;
    expect(backend.currentKey()).toBe(key);
    const mine = model.of(key);
    switch (access.do) {
      case 'value':
        states.value.update(access.to);
        mine.value = access.to;
        return;
      case 'list':
        states.list.add(access.add);
        mine.list.push(access.add);
        return;
      case 'listUpdate':
        states.list.update(access.to);
        mine.list = [...access.to];
        return;
      case 'map':
        if (access.to === undefined) states.map.delete(access.at);
        else states.map.set(access.at, access.to);
        if (access.to === undefined) mine.map.delete(access.at);
        else mine.map.set(access.at, access.to);
        return;
      case 'mapMany':
        for (let i = access.from; i < access.from + access.count; i++) {
          states.map.set(`m${i}`, i + access.count);
          mine.map.set(`m${i}`, i + access.count);
        }
        return;
      case 'mapDrop':
        for (let i = access.from; i < access.from + access.count; i++) {
          states.map.delete(`m${i}`);
          mine.map.delete(`m${i}`);
        }
        return;
      case 'listMany':
        states.list.addAll(Array.from({ length: access.count }, (_, i) => i));
        for (let i = 0; i < access.count; i++) mine.list.push(i);
        return;
      case 'sum':
        states.sum.setNamespace(access.ns);
        states.sum.add(access.add);
        mine.sum.set(access.ns, (mine.sum.get(access.ns) ?? 0) + access.add);
        return;
      case 'average': {
        states.average.setNamespace(access.ns);
        states.average.add(access.add);
        const [count, total] = mine.average.get(access.ns) ?? [0, 0];
        mine.average.set(access.ns, [count + 1, total + access.add]);
        return;
      }
      case 'clearSum':
        states.sum.setNamespace(access.ns);
        states.sum.clear();
        mine.sum.delete(access.ns);
        return;
      case 'merge': {
        states.sum.mergeNamespaces(access.target, access.sources);
        let sum: number | undefined = undefined;
        for (const ns of [...access.sources, access.target]) {
          const value = mine.sum.get(ns);
          mine.sum.delete(ns);
          if (value !== undefined) sum = (sum ?? 0) + value;
        }
        if (sum !== undefined) mine.sum.set(access.target, sum);
        return;
      }
      case 'seen':
        states.seen.update(access.add);
        mine.seen = { value: access.add, at: model.watermark };
        mine.everExpiring = true;
        return;
      case 'recent':
        states.recent.add(access.add);
        mine.recent.push({ value: access.add, at: model.processingTime });
        mine.everExpiring = true;
        return;
      case 'register':
        if (access.domain === 'event') backend.registerEventTimeTimer(access.ns, access.ts);
        else backend.registerProcessingTimeTimer(access.ns, access.ts);
        model.registerTimer(key, access.domain, access.ns, access.ts);
        return;
      case 'delete':
        if (access.domain === 'event') backend.deleteEventTimeTimer(access.ns, access.ts);
        else backend.deleteProcessingTimeTimer(access.ns, access.ts);
        model.deleteTimer(key, access.domain, access.ns, access.ts);
        return;
      case 'clearAll':
        for (const state of [states.value, states.list, states.map, states.seen, states.recent]) state.clear();
        for (const ns of mine.sum.keys()) {
          states.sum.setNamespace(ns);
          states.sum.clear();
        }
        for (const ns of mine.average.keys()) {
          states.average.setNamespace(ns);
          states.average.clear();
        }
        Object.assign(mine, {
          value: undefined,
          list: [],
          map: new Map(),
          sum: new Map(),
          average: new Map(),
          seen: undefined,
          recent: [],
        });
        return;
      case 'read':
        this.compare({ backend, states }, key);
    }
  }

  async advance(subtask: Subtask, domain: Domain, by: number): Promise<void> {
    const { backend, states } = subtask;
    const limit = this.#after({ domain, by });
    const { watermark, firstWatermark, processingTime } = this.model;
    const before = { watermark, firstWatermark, processingTime };
    if (domain === 'event') {
      backend.setWatermark(limit);
      this.model.setWatermark(limit);
    } else {
      backend.setProcessingTime(limit);
      this.model.processingTime = limit;
    }
    const onTimer = (ts: number, ns: Namespace): void => {
      const key = backend.currentKey();
      expect(ts).toBeLessThanOrEqual(limit);
      expect(ts).toBe(this.model.firstTimerMs(domain, subtask.from, subtask.to));
      const mine = this.model.of(key);
      expect(mine.timers[domain][0]).toEqual({ ts, ns });
      mine.timers[domain].shift();
      states.list.add(ts);
      mine.list.push(ts);
      // New timers for the future, for the time in between, and for the past: each fires once, in order.
      if (ts % 7 === 0) this.access(subtask, { do: 'register', key, domain, ns: 77, ts: ts + 10 + (ts % 5) });
      if (ts % 11 === 0 && ts > 50) this.access(subtask, { do: 'register', key, domain, ns: 88, ts: ts - 49 });
      if (ts % 13 === 0) this.access(subtask, { do: 'clearAll', key });
      if (ts % 5 === 0) this.compare(subtask, key);
    };
    const fire = (): boolean | Promise<boolean> =>
      domain === 'event'
        ? backend.fireEventTimeTimers(limit, 5, onTimer)
        : backend.fireProcessingTimeTimers(limit, 5, onTimer);
    while (!(await fire()));
    expect(this.model.firstTimerMs(domain, subtask.from, subtask.to)).toBeGreaterThan(limit);
    Object.assign(this.model, before);
  }

  everyKey(subtask: Subtask, add: number): void {
    const { backend, states, from, to } = subtask;
    const { surely, perhaps } = this.model.keyCount(from, to);
    const visited = new Set<Key>();
    backend.forEachKey((key) => {
      expect(visited.has(key)).toBe(false);
      visited.add(key);
      this.compare(subtask, key);
      states.list.add(add);
      this.model.of(key).list.push(add);
    });
    // Of those whose state may have expired, some.
    expect(visited.size).toBeGreaterThanOrEqual(surely);
    expect(visited.size).toBeLessThanOrEqual(surely + perhaps);
    expect(() => backend.currentKey()).toThrow('no current key');
  }

  async snapshot(isFull: boolean, fails: boolean, waits: boolean): Promise<void> {
    await this.running;
    const id = ++this.checkpointId;
    const model = this.model.clone();
    this.storage.failPuts = fails;
    const options = { checkpointId: id, isFull, filePrefix: `${isFull ? 'savepoint' : 'chk'}/${id}` };
    const taken = Promise.allSettled(this.subtasks.map(({ backend }) => backend.snapshot(options))).then((results) => {
      const files: StateFile[] = [];
      for (const result of results) {
        if (result.status === 'fulfilled') files.push(...result.value);
        else if (!fails) throw result.reason;
        else return;
      }
      this.kept = { files, model };
      if (isFull) expect(files.every((file) => file.kind === 'base')).toBe(true);
    });
    this.running = taken;
    if (waits || fails) await taken;
    this.storage.failPuts = false;
  }

  compare({ backend, states }: Pick<Subtask, 'backend' | 'states'>, key: Key): void {
    const mine = this.model.of(key);
    expect(backend.currentKey()).toBe(key);
    expect(states.value.value()).toBe(mine.value);
    expect(states.list.get()).toEqual(mine.list);
    expect(new Map(states.map.entries())).toEqual(mine.map);
    expect(states.map.isEmpty()).toBe(mine.map.size === 0);
    expect(states.map.get('m7')).toBe(mine.map.get('m7'));
    expect(states.map.has('m11')).toBe(mine.map.has('m11'));
    for (const ns of [0, 60_000, 120_000, '0:10', '5:20']) {
      states.sum.setNamespace(ns);
      expect(states.sum.get()).toBe(mine.sum.get(ns));
      states.average.setNamespace(ns);
      expect(states.average.get()).toBe(mine.average.get(ns)?.join('/'));
    }
    expect(states.seen.value()).toBe(this.model.seen(key));
    expect(states.recent.get()).toEqual(this.model.recent(key));
  }

  checkCounts(): void {
    for (const { backend, from, to, isRestored } of this.subtasks) {
      if (!isRestored) continue;
      expect(backend.eventTimeTimerCount()).toBe(this.model.timerCount('event', from, to));
      expect(backend.processingTimeTimerCount()).toBe(this.model.timerCount('processing', from, to));
      // What has expired counts until it is looked at.
      const { surely, perhaps } = this.model.keyCount(from, to);
      expect(backend.pageCount()).toBeGreaterThanOrEqual(surely);
      expect(backend.pageCount()).toBeLessThanOrEqual(surely + perhaps);
      const next = this.model.firstTimerMs('processing', from, to);
      const told = backend.nextProcessingTimeTimerMs();
      if (next === Infinity) expect(told).toBeUndefined();
      else expect(told).toBeLessThanOrEqual(next);
    }
  }

  subtaskOf(key: Key): Subtask {
    const group = keyGroupOf(key, MAX_PARALLELISM);
    return this.subtasks.find(({ from, to }) => group >= from && group < to)!;
  }

  async compareAll(): Promise<void> {
    await this.whenRestored();
    this.checkCounts();
    for (const key of this.model.keys.keys()) {
      const subtask = this.subtaskOf(key);
      subtask.backend.setCurrentKey(key);
      this.compare(subtask, key);
      subtask.backend.clearCurrentKey();
    }
  }
}
