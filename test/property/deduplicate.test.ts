import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EmitMode } from '../../operators/updating/changelog-output.ts';
import { declareDeduplicate } from '../../operators/updating/deduplicate.ts';
import { record } from '../../state/schema/record.ts';
import { long, string } from '../../state/schema/scalars.ts';
import type { Infer } from '../../state/schema/schema.ts';
import { TEST_BACKENDS } from '../harness/operators/backends.ts';
import { RescaledHarness } from './rescaled-harness.ts';

const Row = record('Row', { key: string(), id: long() });
type Row = Infer<typeof Row>;

const step = fc.record({
  roll: fc.integer({ min: 0, max: 99 }),
  key: fc.constantFrom('a', 'a', 'b', 'c'),
  timestampMs: fc.integer({ min: 1, max: 9 }),
});

for (const backend of TEST_BACKENDS) {
  test(`the first or last record of each key comes out, restores included (${backend.name})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }),
        fc.record({
          keep: fc.constantFrom('first' as const, 'last' as const),
          orderBy: fc.constantFrom('arrival' as const, 'eventTime' as const),
          emit: fc.constantFrom<EmitMode>('changelog', 'upsert'),
          isFolded: fc.boolean(),
        }),
        async (steps, { keep, orderBy, emit, isFolded }) => {
          const miniBatch = isFolded ? { latency: '1s', size: 5 } : undefined;
          const { factory } = declareDeduplicate<Row>({ uid: 'one', keep, orderBy, schema: Row, emit, miniBatch });
          const harness = await new RescaledHarness<Row, Row>(factory, (row) => row.key, backend).open();
          const found = new Map<string, number>();
          const expected = new Map<string, { id: number; timeMs: number }>();
          const take = (records: readonly { value: Row; kind: string }[]): void => {
            for (const { value, kind } of records) {
              if (kind === '+I') expect(found.has(value.key)).toBe(false);
              if (kind === '-U') expect(found.get(value.key)).toBe(value.id);
              if (kind === '-U') expect(emit).toBe('changelog');
              if (kind === '+U') expect(found.has(value.key)).toBe(true);
              if (!kind.startsWith('-')) found.set(value.key, value.id);
            }
          };
          for (const [id, { roll, key, timestampMs }] of steps.entries()) {
            if (roll < 90) {
              harness.processElement({ key, id }, timestampMs);
              const timeMs = orderBy === 'arrival' ? id : timestampMs;
              const before = expected.get(key)?.timeMs;
              const isKept = before === undefined || (keep === 'last' ? timeMs >= before : timeMs < before);
              if (isKept) expected.set(key, { id, timeMs });
            } else if (roll < 94) {
              await harness.setProcessingTime(id * 2_000);
              await harness.settle();
            } else {
              take(await harness.restore(1 + (id % 3)));
            }
            take(harness.takeRecords());
            const isHeld = isFolded && !(keep === 'first' && orderBy === 'arrival') && roll < 90;
            if (isHeld) continue;
            expect(found).toEqual(new Map([...expected].map(([k, it]) => [k, it.id])));
          }
          await harness.endInput();
          take(harness.takeRecords());
          expect(found.size).toBe(expected.size);
          for (const [key, { id }] of expected) expect(found.get(key)).toBe(id);
          await harness.close();
        },
      ),
      { numRuns: 150 },
    );
  });
}
