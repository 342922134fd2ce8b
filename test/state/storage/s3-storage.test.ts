import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import { type ExternalError, PreconditionFailedError, UserError } from '../../../engine/base/errors.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';
import { openStorage } from '../../../state/storage/storage-url.ts';

/** What the next requests meet: a status to answer with, before or after the request has been carried out. */
type Fault = { readonly status: number; readonly code: string; readonly isDone: boolean } | 'hang up';

let objects: Map<string, Buffer>;
let faults: Fault[];
let requestCount: number;
/** Storage without waiting between attempts. */
let storage: ObjectStorage;

const environment = {
  ...createNodeEnvironment(),
  scheduler: { ...createNodeEnvironment().scheduler, delay: () => Promise.resolve() },
};

beforeEach(async () => {
  objects = new Map();
  faults = [];
  requestCount = 0;
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  storage = await openStorage(environment, 's3://bucket/prefix/', { endpoint, accessKeyId: 'a', secretAccessKey: 'b' });
});

/** A server that knows PutObject and GetObject of one bucket. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  requestCount++;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const fault = faults.shift();
  if (fault === 'hang up') {
    request.socket.destroy();
    return;
  }
  if (fault !== undefined && !fault.isDone) {
    refuse(response, fault.status, fault.code);
    return;
  }
  const key = decodeURIComponent(new URL(request.url!, 'http://x').pathname);
  const known = objects.get(key);
  if (request.method === 'GET') {
    if (known === undefined) refuse(response, 404, 'NoSuchKey');
    else response.writeHead(200, { etag: etagOf(known), 'content-length': known.length }).end(known);
    return;
  }
  if (request.headers['if-none-match'] === '*' && known !== undefined)
    return refuse(response, 412, 'PreconditionFailed');
  const ifMatch = request.headers['if-match'];
  if (ifMatch !== undefined && known === undefined) return refuse(response, 404, 'NoSuchKey');
  if (ifMatch !== undefined && ifMatch !== etagOf(known!)) return refuse(response, 412, 'PreconditionFailed');
  const bytes = Buffer.concat(chunks);
  objects.set(key, bytes);
  if (fault !== undefined) refuse(response, fault.status, fault.code);
  else response.writeHead(200, { etag: etagOf(bytes) }).end();
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response
    .writeHead(status, { 'content-type': 'application/xml' })
    .end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
}

function etagOf(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

const OVERLOADED: Fault = { status: 503, code: 'SlowDown', isDone: false };
const LOST_ANSWER: Fault = { status: 500, code: 'InternalError', isDone: true };

test('keys lie below the prefix of the address', async () => {
  await storage.put('a/b', Buffer.from('x'));
  expect([...objects.keys()]).toEqual(['/bucket/prefix/a/b']);
  expect(storage.description).toBe('s3://bucket/prefix');
  expect(storage.url('a/b')).toBe('s3://bucket/prefix/a/b');
});

test('overload, faults of the server and broken connections are tried again', async () => {
  faults = [OVERLOADED, 'hang up', { status: 500, code: 'InternalError', isDone: false }];
  await storage.put('a', Buffer.from('x'));
  expect(requestCount).toBe(4);
  faults = ['hang up', OVERLOADED];
  expect(Buffer.from((await storage.get('a'))!.bytes).toString()).toBe('x');
});

test('an if-absent put whose answer was lost has won when the object is its own', async () => {
  faults = [LOST_ANSWER];
  const etag = await storage.put('manifest', Buffer.from('mine'), { ifAbsent: true });
  expect(etag).toBe(etagOf(Buffer.from('mine')));
  expect(objects.size).toBe(1);
});

test('an if-absent put whose answer was lost has lost when the object is of another writer', async () => {
  objects.set('/bucket/prefix/manifest', Buffer.from('theirs'));
  faults = [OVERLOADED];
  await expect(storage.put('manifest', Buffer.from('mine'), { ifAbsent: true })).rejects.toThrow(
    PreconditionFailedError,
  );
  expect(objects.get('/bucket/prefix/manifest')!.toString()).toBe('theirs');
});

test('a put that meets its own content without having failed before has lost', async () => {
  objects.set('/bucket/prefix/manifest', Buffer.from('same'));
  await expect(storage.put('manifest', Buffer.from('same'), { ifAbsent: true })).rejects.toThrow(
    PreconditionFailedError,
  );
});

test('a swap whose answer was lost has won when the object is its own', async () => {
  const first = await storage.put('latest', Buffer.from('1'));
  faults = [LOST_ANSWER];
  expect(await storage.put('latest', Buffer.from('2'), { ifMatch: first })).toBe(etagOf(Buffer.from('2')));
  await expect(storage.put('latest', Buffer.from('3'), { ifMatch: first })).rejects.toThrow(PreconditionFailedError);
});

test('a conflicting conditional write is tried again', async () => {
  faults = [{ status: 409, code: 'ConditionalRequestConflict', isDone: false }];
  await storage.put('manifest', Buffer.from('mine'), { ifAbsent: true });
  expect(requestCount).toBe(2);
});

test('a swap of a missing object has lost, whatever the server calls it', async () => {
  await expect(storage.put('none', Buffer.from('x'), { ifMatch: '"e"' })).rejects.toThrow(PreconditionFailedError);
});

test.each<[string, number, string, string]>([
  ['AccessDenied', 403, 'STORAGE', 'AWS_ACCESS_KEY_ID'],
  ['NoSuchBucket', 404, 'NOT_FOUND', 'Create the bucket bucket'],
  ['PermanentRedirect', 301, 'STORAGE', 'AWS_REGION'],
])('%s is not tried again and says what to do', async (code, status, expected, hint) => {
  faults = [{ status, code, isDone: false }];
  const error = (await storage.put('a', Buffer.from('x')).catch((cause: unknown) => cause)) as ExternalError;
  expect([error.code, error.retryable, requestCount]).toEqual([expected, false, 1]);
  expect(error.hint).toContain(hint);
  expect(error.message).toContain('bucket');
});

test('a server that stays away is a connection error, retryable', async () => {
  faults = Array.from({ length: 8 }, () => 'hang up' as const);
  const error = (await storage.get('a').catch((cause: unknown) => cause)) as ExternalError;
  expect([error.code, error.retryable, requestCount]).toEqual(['CONNECTION', true, 8]);
});

test('an address of another kind is refused', async () => {
  for (const url of ['gs://bucket/x', 's3://', '', 'http://x'])
    await expect(openStorage(environment, url)).rejects.toThrow(UserError);
  for (const url of ['file:///tmp/x', 'file:relative', 'data/lake', '/tmp/y']) {
    expect((await openStorage(environment, url)).description).toContain('directory');
  }
});
