import { expect, test } from 'vitest';
import {
  createKeyedStateBackend,
  type PagedKeyedStateBackend,
} from '../../../state/keyed/paged-keyed-state-backend.ts';
import type { ListState, MapState, StateDescriptor, ValueState } from '../../../state/keyed/state.ts';
import { int, string } from '../../../state/schema/scalars.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { MemoryStorage } from './memory-storage.ts';

/* A read that gives an entry another lease of life is a change: it is in the next checkpoint. */

const storage = new MemoryStorage();
let nextId = 0;

function open(restoreFiles: readonly StateFile[], splitBytes: number): Promise<PagedKeyedStateBackend> {
  return createKeyedStateBackend({
    operatorUid: 'tested',
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    store: new HeapPageStore(),
    storeOperatorId: 0,
    storage,
    restoreFiles,
    cache: { decodedBytesMax: 1 << 20, encodedBytesMax: 1 << 20, splitBytes },
  });
}

const ttl = { timeToLiveMs: 100, timeDomain: 'eventTime', update: 'onReadAndWrite' } as const;

interface Case {
  readonly name: string;
  readonly descriptor: StateDescriptor;
  readonly write: (state: never) => void;
  readonly read: (state: never) => unknown;
}

const CASES: readonly Case[] = [
  {
    name: 'value',
    descriptor: { kind: 'value', name: 's', schema: int(), ttl },
    write: (state: ValueState<number>) => state.update(7),
    read: (state: ValueState<number>) => state.value(),
  },
  {
    name: 'list',
    descriptor: { kind: 'list', name: 's', schema: int(), ttl },
    write: (state: ListState<number>) => {
      for (let i = 0; i < 100; i++) state.add(i);
    },
    read: (state: ListState<number>) => [...state.get()].at(7),
  },
  {
    name: 'map',
    descriptor: { kind: 'map', name: 's', keySchema: string(), schema: int(), ttl },
    write: (state: MapState<string, number>) => {
      for (let i = 0; i < 100; i++) state.set(`k${i}`, i);
    },
    read: (state: MapState<string, number>) => state.get('k7'),
  },
];

test.each(CASES.flatMap((each) => [64, 1 << 20].map((splitBytes) => ({ ...each, splitBytes }))))(
  'of a $name, split from $splitBytes bytes on',
  async ({ descriptor, write, read, splitBytes }) => {
    const snapshot = (backend: PagedKeyedStateBackend): Promise<readonly StateFile[]> =>
      backend.snapshot({ checkpointId: ++nextId, isFull: false, filePrefix: 'x' });
    const backend = await open([], splitBytes);
    const state = backend.state(descriptor) as never;
    backend.setWatermark(1000);
    backend.setCurrentKey('k');
    write(state);
    await snapshot(backend);
    backend.setWatermark(1050);
    expect(read(state)).toBe(7);
    const files = await snapshot(backend);

    const again = await open(files, splitBytes);
    const restored = again.state(descriptor) as never;
    again.setWatermark(1149);
    again.setCurrentKey('k');
    expect(read(restored)).toBe(7);
  },
);
