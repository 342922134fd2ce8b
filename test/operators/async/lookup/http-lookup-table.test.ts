import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { FunctionContext, LookupTable } from '../../../../operators/index.ts';
import { httpLookupTable, type HttpLookupTableOptions } from '../../../../operators/index.ts';

interface Campaign {
  readonly id: string;
  readonly name: string;
}

const { signal } = new AbortController();
/** Pauses asked for, milliseconds; none is made. */
const pausesMs: number[] = [];
const environment = { scheduler: { delay: async (delayMs: number): Promise<void> => void pausesMs.push(delayMs) } };

/** A service that answers as told; undefined: never. */
async function serve(answer: (path: string) => readonly [status: number, body: string] | undefined): Promise<string> {
  const server = createServer((request, response) => {
    const given = answer(request.url!);
    if (given !== undefined) response.writeHead(given[0]).end(given[1]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function open(options: HttpLookupTableOptions<string, Campaign>): Promise<LookupTable<string, Campaign>> {
  const table = httpLookupTable<Campaign>(options);
  await table.open!({ environment } as unknown as FunctionContext);
  return table;
}

test('an object is a row, a list is rows; null, no content and not found are none', async () => {
  const answers: Record<string, readonly [number, string]> = {
    '/a': [200, '{"id":"a","name":"A"}'],
    '/b': [200, '[{"id":"b","name":"B1"},{"id":"b","name":"B2"}]'],
    '/null': [200, 'null'],
    '/nothing': [204, ''],
  };
  const url = await serve((path) => answers[path] ?? [404, 'no such campaign']);
  const table = await open({ url: (key) => `${url}/${encodeURIComponent(key)}` });
  const lookup = (key: string): Promise<readonly Campaign[]> => table.lookup(key, { signal });
  expect(await lookup('a')).toEqual([{ id: 'a', name: 'A' }]);
  expect(await lookup('b')).toEqual([
    { id: 'b', name: 'B1' },
    { id: 'b', name: 'B2' },
  ]);
  for (const key of ['null', 'nothing', 'other', 'with / slash']) expect(await lookup(key)).toEqual([]);
});

test('rows are taken out of an answer as the author says, and the whole table can be read', async () => {
  const url = await serve((path) =>
    path === '/all' ? [200, '[{"id":"a","name":"A"},{"id":"b","name":"B"}]'] : [200, '{"found":{"id":"a","name":"A"}}'],
  );
  const table = await open({
    url: (key) => `${url}/${key}`,
    rows: (body) => [(body as { found: Campaign }).found],
    scanUrl: `${url}/all`,
    keyOf: ({ id }) => id,
  });
  expect(await table.lookup('a', { signal })).toEqual([{ id: 'a', name: 'A' }]);
  const rows = [];
  for await (const row of table.scan!({ signal })) rows.push(row);
  expect(rows).toEqual([
    ['a', { id: 'a', name: 'A' }],
    ['b', { id: 'b', name: 'B' }],
  ]);
});

test('what may pass is asked again, with growing pauses; what stays is said at once', async () => {
  let count = 0;
  const url = await serve((path) => {
    count++;
    if (path === '/busy') return count < 3 ? [503, 'busy'] : [200, '{"id":"busy","name":"B"}'];
    if (path === '/down') return [500, 'broken'];
    if (path === '/secret') return [401, 'who are you?'];
    return path === '/text' ? [200, '<html>'] : [400, 'bad key'];
  });
  const table = await open({ url: (key) => `${url}/${key}` });
  const lookup = (key: string): Promise<readonly Campaign[]> => {
    count = 0;
    return table.lookup(key, { signal });
  };
  expect(await lookup('busy')).toHaveLength(1);
  expect(pausesMs).toEqual([100, 200]);
  await expect(lookup('down')).rejects.toMatchObject({ code: 'CONNECTION', retryable: true });
  expect(count).toBe(3);
  await expect(lookup('secret')).rejects.toMatchObject({
    code: 'CONFIGURATION',
    hint: expect.stringContaining('headers') as string,
  });
  await expect(lookup('bad')).rejects.toMatchObject({ code: 'LOOKUP', retryable: false });
  expect(count).toBe(1);
  await expect(lookup('text')).rejects.toThrow('expected JSON from');
});

test('a service that does not answer in time is an error; closing gives up at once', async () => {
  const url = await serve(() => undefined);
  const table = await open({ url: () => url, timeout: 20, maxAttempts: 1 });
  await expect(table.lookup('a', { signal })).rejects.toMatchObject({ code: 'CONNECTION' });
  const patient = await open({ url: () => url });
  const canceled = new AbortController();
  const answer = patient.lookup('a', { signal: canceled.signal });
  canceled.abort(new Error('closed'));
  await expect(answer).rejects.toThrow('closed');
});

test('a whole table that is not there is an error, not an empty table', async () => {
  const answers: Record<string, readonly [number, string]> = { '/empty': [200, '[]'], '/error': [200, '{"error":7}'] };
  const url = await serve((path) => answers[path] ?? [404, 'not found']);
  const scan = async (path: string): Promise<unknown[]> => {
    const table = await open({ url: String, scanUrl: `${url}${path}`, keyOf: ({ id }) => id });
    const rows = [];
    for await (const row of table.scan!({ signal })) rows.push(row);
    return rows;
  };
  expect(await scan('/empty')).toEqual([]);
  await expect(scan('/moved')).rejects.toMatchObject({ code: 'LOOKUP', message: `no list of rows at ${url}/moved` });
  await expect(scan('/error')).rejects.toMatchObject({ code: 'LOOKUP', message: `no list of rows at ${url}/error` });
});

test('an address that is none is said at once', async () => {
  const table = await open({ url: (key) => `localhost/${key}` });
  await expect(table.lookup('a', { signal })).rejects.toMatchObject({
    code: 'CONFIGURATION',
    message: "HTTP look-up table: expected an address such as http://host/path, found 'localhost/a'",
  });
});

test('scanUrl without keyOf is refused', () => {
  expect(() => httpLookupTable({ url: String, scanUrl: 'http://127.0.0.1/all' })).toThrow(
    'scanUrl and keyOf go together',
  );
});
