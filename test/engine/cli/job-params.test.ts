import { expect, test } from 'vitest';
import { z } from 'zod';
import { UserError } from '../../../engine/base/errors.ts';
import { paramFlags, parseParams, variableName } from '../../../engine/cli/job-params.ts';

const SHAPE = {
  brokers: z.string().default('127.0.0.1:9092').describe('Kafka brokers'),
  startFrom: z.enum(['earliest', 'latest']).optional(),
  eventsPerSecond: z.number().int().positive(),
  dryRun: z.boolean().default(false),
  topics: z.array(z.string()).default([]),
};

test('a parameter becomes a flag and a variable', () => {
  expect(paramFlags(SHAPE)).toEqual([
    {
      name: 'brokers',
      flag: '--brokers',
      variable: 'TIDEMARK_BROKERS',
      type: 'string',
      description: 'Kafka brokers',
      choices: undefined,
      defaultText: '"127.0.0.1:9092"',
      isRequired: false,
    },
    expect.objectContaining({ flag: '--start-from', choices: ['earliest', 'latest'], isRequired: false }),
    expect.objectContaining({ flag: '--events-per-second', type: 'number', isRequired: true }),
    expect.objectContaining({ flag: '--dry-run', type: 'boolean', defaultText: 'false' }),
    expect.objectContaining({ flag: '--topics', type: 'list' }),
  ]);
  expect(variableName('s3Bucket2Name')).toBe('TIDEMARK_S3_BUCKET2_NAME');
});

test('a flag wins over a variable, a variable over the default', () => {
  const variables = { TIDEMARK_BROKERS: 'env:1', TIDEMARK_EVENTS_PER_SECOND: '20' };
  expect(parseParams(SHAPE, {}, variables)).toEqual({
    brokers: 'env:1',
    startFrom: undefined,
    eventsPerSecond: 20,
    dryRun: false,
    topics: [],
  });
  expect(parseParams(SHAPE, { brokers: 'flag:1', eventsPerSecond: '5' }, variables)).toMatchObject({
    brokers: 'flag:1',
    eventsPerSecond: 5,
  });
});

test.each([
  ['true', true],
  ['1', true],
  [true, true],
  ['false', false],
  ['0', false],
])('a boolean may be given as %j', (given, expected) => {
  expect(parseParams(SHAPE, { dryRun: given, eventsPerSecond: 1 }, {})['dryRun']).toBe(expected);
});

test('a list is given with commas', () => {
  expect(parseParams(SHAPE, { topics: 'a, b,c', eventsPerSecond: 1 }, {})['topics']).toEqual(['a', 'b', 'c']);
});

test('every wrong parameter is named at once: where, expected what, found what', () => {
  const parse = (): unknown =>
    parseParams(SHAPE, { eventsPerSecond: 'many', dryRun: 'yes' }, { TIDEMARK_START_FROM: 'middle' });
  expect(parse).toThrow(UserError);
  const lines = messageOf(parse).split('\n');
  expect(lines).toEqual([
    expect.stringMatching(
      /^TIDEMARK_START_FROM \(environment\): expected one of "earliest", "latest", found 'middle'$/,
    ),
    expect.stringMatching(/^--events-per-second: .*number.*, found 'many'$/),
    expect.stringMatching(/^--dry-run: .*boolean.*, found 'yes'$/),
  ]);
});

test('a missing parameter says so', () => {
  expect(messageOf(() => parseParams(SHAPE, {}, {}))).toMatch(/^--events-per-second: .*, found nothing$/);
});

test('numbers that are no numbers stay text, so that the schema refuses them', () => {
  for (const text of ['', ' ', '1e999', '0x', '5 apples']) {
    expect(messageOf(() => parseParams(SHAPE, { eventsPerSecond: text }, {}))).toContain(`found '${text}'`);
  }
});

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as Error).message;
  }
  return expect.unreachable('nothing was thrown');
}
