import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type ExternalError, UserError } from '../../../engine/base/errors.ts';
import { HttpSchemaRegistry } from '../../../operators/format/avro/http-schema-registry.ts';
import { parseAvroSchema } from '../../../state/schema/parse-avro-schema.ts';

type Answer = readonly [status: number, body: unknown];

/** A registry that answers as told, path by path. */
async function serve(answer: (method: string, path: string, request: IncomingMessage) => Answer): Promise<string> {
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const [status, body] = answer(request.method!, request.url!, request);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a schema is fetched by its id, with the types it refers to', async () => {
  const money = { type: 'record', name: 'x.Money', fields: [{ name: 'units', type: 'long' }] };
  const order = {
    type: 'record',
    name: 'Order',
    fields: [
      { name: 'price', type: 'x.Money' },
      { name: 'tax', type: ['null', 'x.Money'] },
    ],
  };
  const url = await serve((_, path) => {
    if (path === '/schemas/ids/7') {
      return [200, { schema: JSON.stringify(order), references: [{ name: 'x.Money', subject: 'a/b', version: 3 }] }];
    }
    if (path === '/subjects/a%2Fb/versions/3') return [200, { id: 5, schema: JSON.stringify(money) }];
    if (path === '/schemas/ids/8') return [200, { schema: '"string"' }];
    if (path === '/schemas/ids/9') return [200, { schema: '{}', schemaType: 'JSON' }];
    return [404, { error_code: 40403, message: 'Schema not found' }];
  });
  const registry = new HttpSchemaRegistry({ url });
  const schema = (await registry.getById(7))!;
  expect(parseAvroSchema(schema).validate({ price: { units: 1 }, tax: { units: 2 } })).toBeUndefined();
  expect(await registry.getById(8)).toBe('string');
  expect(await registry.getById(1)).toBeUndefined();
  await expect(registry.getById(9)).rejects.toThrow('expected an Avro schema, found JSON');
});

test('a schema is registered under its subject, and a refusal says why', async () => {
  const url = await serve((method, path) =>
    method === 'POST' && path === '/subjects/good/versions'
      ? [200, { id: 12 }]
      : [409, { message: 'READER_FIELD_MISSING_DEFAULT_VALUE' }],
  );
  const registry = new HttpSchemaRegistry({ url: `${url}/` });
  expect(await registry.register('good', 'string')).toBe(12);
  const refusal = registry.register('bad', 'string');
  await expect(refusal).rejects.toThrow(UserError);
  await expect(refusal).rejects.toThrow('READER_FIELD_MISSING_DEFAULT_VALUE');
});

test('name and password in the address are sent, and not shown', async () => {
  let authorization: string | undefined;
  const url = await serve((_, __, request) => {
    authorization = request.headers.authorization;
    return [200, { schema: '"long"' }];
  });
  const registry = new HttpSchemaRegistry({ url: url.replace('//', '//me:s%40cret@') });
  await registry.getById(1);
  expect(authorization).toBe(`Basic ${Buffer.from('me:s@cret').toString('base64')}`);
  expect(registry.description).not.toContain('cret');
});

test('a fault of the server is tried again, then a retryable error', async () => {
  let requestCount = 0;
  const url = await serve(() => (++requestCount < 3 ? [503, {}] : [200, { schema: '"long"' }]));
  expect(await new HttpSchemaRegistry({ url }).getById(1)).toBe('long');
  const dead = await serve(() => [500, { message: 'broken' }]);
  const error = (await new HttpSchemaRegistry({ url: dead })
    .getById(1)
    .catch((cause: unknown) => cause)) as ExternalError;
  expect([error.code, error.retryable]).toEqual(['CONNECTION', true]);
  const nobody = (await new HttpSchemaRegistry({ url: 'http://127.0.0.1:1' })
    .getById(1)
    .catch((cause: unknown) => cause)) as ExternalError;
  expect([nobody.code, nobody.retryable]).toEqual(['CONNECTION', true]);
  const busy = await serve(() => [429, { message: 'later' }]);
  await expect(new HttpSchemaRegistry({ url: busy }).getById(1)).rejects.toMatchObject({ retryable: true });
  const closed = await serve(() => [401, { message: 'who are you' }]);
  await expect(new HttpSchemaRegistry({ url: closed }).getById(1)).rejects.toThrow(UserError);
  expect(() => new HttpSchemaRegistry({ url: 'registry:8081' })).toThrow('expected http://host:port');
});
