/**
 * The thread that owns a RocksDB database. It takes requests in order, one at a time, so that a read sees every write sent
 * before it. Started by `RocksDbPageStore`.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import RocksDB from 'rocksdb-native';
import { unreachable } from '../../engine/base/assert.ts';
import {
  packValues,
  packWrites,
  unpackKeys,
  unpackRange,
  unpackWrites,
  type RocksDbAnswer,
  type RocksDbRequest,
  type RocksDbThreadData,
} from './rocksdb-messages.ts';

/** Entries per turn of an iteration inside the database. */
const ITERATOR_CAPACITY = 256;
/** Writes between two looks at the memory of the database. */
const MEMORY_LOOK_WRITES = 64;
const NOTHING = new ArrayBuffer(0);

type Content = RocksDbRequest['content'];

const { path, writeBufferBytes, signal, port } = workerData as RocksDbThreadData;
const signalWord = new Int32Array(signal);

const opened = open();
let memoryBytes = 0;
let writes = 0;

let last: Promise<void> = opened.then(
  () => undefined,
  () => undefined,
);
port.on('message', (request: RocksDbRequest) => {
  last = last.then(() => answer(request));
});

// A failure is told with every answer: a client that sleeps must be woken.
async function open(): Promise<RocksDB> {
  // A working store, not a durable copy: it starts empty.
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  const database = new RocksDB(path, {
    writeBufferSize: writeBufferBytes,
    maxWriteBufferNumber: 3,
    maxBackgroundJobs: 2,
    tableBlockSize: 4096,
    optimizeFiltersForMemory: true,
    // What is asked for is nearly always there: the last level, which holds nine tenths, needs no filters.
    optimizeFiltersForHits: true,
    avoidFlushDuringShutdown: true,
  });
  await database.ready();
  return database;
}

async function answer(request: RocksDbRequest): Promise<void> {
  let content = NOTHING;
  let error: string | undefined = undefined;
  try {
    content = await serve(await opened, request);
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.message : String(thrown);
  }
  const reply: RocksDbAnswer = { id: request.id, error, content, memoryBytes };
  port.postMessage(reply, content.byteLength > 0 ? [content] : []);
  if (!request.isBlocking) return;
  Atomics.store(signalWord, 0, 1);
  Atomics.notify(signalWord, 0);
}

async function serve(database: RocksDB, { operation, content }: RocksDbRequest): Promise<ArrayBuffer> {
  switch (operation) {
    case 'getMany':
      return getMany(database, content);
    case 'write':
      return write(database, content);
    case 'iterate':
      return iterate(database, content);
    case 'deleteRange':
      return deleteRange(database, content);
    case 'close':
      await database.close();
      rmSync(path, { recursive: true, force: true });
      return NOTHING;
    default:
      return unreachable(operation);
  }
}

async function getMany(database: RocksDB, content: Content): Promise<ArrayBuffer> {
  const keys = unpackKeys(content);
  if (keys.length === 0) return packValues([]);
  const batch = database.read({ capacity: keys.length });
  try {
    const values = Promise.all(keys.map((key) => batch.get(key)));
    await batch.flush();
    return packValues(await values);
  } finally {
    batch.destroy();
  }
}

async function write(database: RocksDB, content: Content): Promise<ArrayBuffer> {
  const batch = database.write({ capacity: new DataView(content).getUint32(0, true) });
  try {
    unpackWrites(content, (key, value) => {
      if (value === undefined) batch.tryDelete(key);
      else batch.tryPut(key, value);
    });
    await batch.flush();
  } finally {
    batch.destroy();
  }
  if (writes++ % MEMORY_LOOK_WRITES === 0) memoryBytes = await lookAtMemory(database);
  return NOTHING;
}

async function iterate(database: RocksDB, content: Content): Promise<ArrayBuffer> {
  const { start, end, limit } = unpackRange(content);
  const entries: { key: Uint8Array; value: Uint8Array }[] = [];
  const capacity = Math.min(limit, ITERATOR_CAPACITY);
  for await (const { key, value } of database.iterator({ gte: start, lt: end }, { capacity, limit })) {
    entries.push({ key, value });
    if (entries.length === limit) break;
  }
  return packWrites(entries);
}

async function deleteRange(database: RocksDB, content: Content): Promise<ArrayBuffer> {
  const { start, end } = unpackRange(content);
  const batch = database.write({ capacity: 1 });
  try {
    batch.tryDeleteRange(start, end);
    await batch.flush();
  } finally {
    batch.destroy();
  }
  return NOTHING;
}

async function lookAtMemory(database: RocksDB): Promise<number> {
  let sum = 0;
  for (const name of ['cur-size-all-mem-tables', 'block-cache-usage', 'estimate-table-readers-mem']) {
    sum += Number((await database.getProperty(`rocksdb.${name}`)) ?? 0);
  }
  return sum;
}
