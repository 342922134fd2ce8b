import { expect, test } from 'vitest';
import { PAGED_BACKEND, TEST_BACKENDS } from '../harness/operators/backends.ts';
import { runVector } from './run-vector.ts';
import { readVectors } from './vector.ts';

const vectors = [
  ...readVectors(new URL('flink-vectors.json.gz', import.meta.url)),
  ...readVectors(new URL('flink-random.json.gz', import.meta.url)),
];

const ON_KEYED_STATE = new Set([
  'cep',
  'window',
  'intervalJoin',
  'intervalJoinOuter',
  'temporalJoin',
  'keyedBroadcastProcess',
  'keyedProcess',
  'keyedCoProcess',
  'trigger',
]);

for (const [type, ofType] of Map.groupBy(vectors, (vector) => vector.operator.type)) {
  for (const backend of ON_KEYED_STATE.has(type) ? TEST_BACKENDS : [PAGED_BACKEND]) {
    const on = ON_KEYED_STATE.has(type) ? ` (${backend.name})` : '';
    test(`${type}: our operators answer ${ofType.length} vectors as Flink does${on}`, async () => {
      const results = [];
      for (const vector of ofType) results.push(await runVector(vector, backend));
      const failed = results.filter(({ result }) => result !== 'ok');
      expect(failed.slice(0, 3).map(({ name, result, detail }) => `${result} ${name}: ${detail}`)).toEqual([]);
    });
  }
}
