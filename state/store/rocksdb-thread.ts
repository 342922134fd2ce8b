import { type MessagePort, workerData } from 'node:worker_threads';
import RocksDB from 'rocksdb-native';
import {
  packEntries,
  packValues,
  type StoreAnswer,
  type StoreRequest,
  unpackKeys,
  unpackWrites,
} from './store-messages.ts';

/** The thread that owns one RocksDB database: takes requests from its user's thread, in order. */
const { directory, port } = workerData as { readonly directory: string; readonly port: MessagePort };
const database = new RocksDB(directory);
await database.ready();

/** Settles when the last write has been applied: what comes after must see it. */
let lastWrite: Promise<void> = Promise.resolve();

port.on('message', (request: StoreRequest) => void answer(request));
port.postMessage({ id: -1, bytes: undefined, error: undefined } satisfies StoreAnswer);

async function answer(request: StoreRequest): Promise<void> {
  let result: StoreAnswer;
  try {
    result = { id: request.id, bytes: await carryOut(request), error: undefined };
  } catch (error) {
    result = { id: request.id, bytes: undefined, error: (error as Error).message };
  }
  port.postMessage(result, result.bytes === undefined ? [] : [result.bytes]);
  if (request.signal !== undefined) {
    const signal = new Int32Array(request.signal);
    Atomics.store(signal, 0, 1);
    Atomics.notify(signal, 0);
  }
  if (request.operation === 'close') port.close();
}

async function carryOut(request: StoreRequest): Promise<ArrayBuffer | undefined> {
  switch (request.operation) {
    case 'get':
      await lastWrite;
      return await getMany(unpackKeys(request.bytes));
    case 'write':
      return await afterLastWrite(() => write(request.bytes));
    case 'delete-range':
      return await afterLastWrite(() => deleteRange(request.bytes));
    case 'scan':
      await lastWrite;
      return await scan(request.bytes, request.limit);
    case 'close':
      return await afterLastWrite(() => database.close({ force: true }));
  }
}

async function afterLastWrite(operation: () => Promise<void>): Promise<undefined> {
  lastWrite = lastWrite.then(operation);
  const write = lastWrite;
  lastWrite = write.catch(() => {}); // A failed write is reported to who asked for it, not to the next.
  await write;
}

async function getMany(keys: readonly Buffer[]): Promise<ArrayBuffer> {
  const batch = database.read({ capacity: keys.length });
  const values = keys.map((key) => batch.get(key));
  await batch.flush();
  const packed = packValues(await Promise.all(values));
  batch.destroy();
  return packed;
}

async function write(bytes: ArrayBuffer): Promise<void> {
  const writes = unpackWrites(bytes);
  const batch = database.write({ capacity: writes.length });
  for (const { key, value } of writes) {
    if (value === undefined) batch.tryDelete(key);
    else batch.tryPut(key, value);
  }
  await batch.flush();
  batch.destroy();
}

async function deleteRange(bytes: ArrayBuffer): Promise<void> {
  const [start, end] = unpackKeys(bytes);
  const batch = database.write({ capacity: 1 });
  batch.tryDeleteRange(start!, end!);
  await batch.flush();
  batch.destroy();
}

async function scan(bytes: ArrayBuffer, limit: number): Promise<ArrayBuffer> {
  const [start, end] = unpackKeys(bytes);
  const entries = [];
  for await (const { key, value } of database.iterator({ gte: start!, lt: end! }, { limit, capacity: 256 })) {
    entries.push({ key, value });
  }
  return packEntries(entries);
}
