import { expect, test } from 'vitest';
import { UserError } from '../../engine/base/errors.ts';
import {
  collectionSource,
  type DataStream,
  defineJob,
  defineWindowFunction,
  type JobSource,
  KeyedProcessFunction,
  TumblingEventTimeWindows,
  WatermarkStrategy,
} from '../../operators/index.ts';
import { VirtualEnvironment } from '../../engine/base/environment-virtual.ts';

class Nothing extends KeyedProcessFunction<string, string, string> {
  override processElement(): void {}
}

const words = (env: Parameters<JobSource<{}>['build']>[0]): DataStream<string> =>
  env.fromSource(collectionSource(['a']), 'words', WatermarkStrategy.noWatermarks<string>());

const windows = (env: Parameters<JobSource<{}>['build']>[0]) =>
  words(env)
    .keyBy((word) => word)
    .window(TumblingEventTimeWindows.of('1m'));

const habits: readonly [string, (env: Parameters<JobSource<{}>['build']>[0]) => unknown, RegExp, RegExp][] = [
  [
    'strategy before the name',
    (env) => env.fromSource(collectionSource(['a']), WatermarkStrategy.noWatermarks() as never, 'words' as never),
    /expected a name as second argument, found object/,
    /fromSource\(source, 'name', strategy\)/,
  ],
  [
    'no strategy',
    (env) => env.fromSource(collectionSource(['a']), 'words', undefined as never),
    /source 'words': expected a WatermarkStrategy as third argument, found undefined/,
    /noWatermarks/,
  ],
  [
    'a key by the name of a field',
    (env) => words(env).keyBy('word' as never),
    /expected a function that gives the key of a record, found "word"/,
    /keyBy\(\(record\) =>/,
  ],
  [
    'a function object',
    (env) =>
      words(env)
        .keyBy((word) => word)
        .process(new Nothing() as never, { uid: 'nothing' }),
    /found an object of class Nothing/,
    /\(\) => new Nothing\(\)/,
  ],
  [
    'a class',
    (env) =>
      words(env)
        .keyBy((word) => word)
        .process(Nothing as never, { uid: 'nothing' }),
    /found the class Nothing/,
    /\(\) => new Nothing\(\)/,
  ],
  [
    'no options for a window that keeps records',
    (env) => windows(env).process(defineWindowFunction({ process() {} }), undefined as never),
    /window-process keeps records but has no schema/,
    /\{ uid, schema \}/,
  ],
  [
    'an aggregate without accumulatorSchema',
    (env) =>
      windows(env).aggregate(
        {
          createAccumulator: () => 0,
          add: (n: number) => n + 1,
          getResult: (n: number) => n,
          merge: (a: number, b: number) => a + b,
        } as never,
        { uid: 'w' },
      ),
    /window-aggregate 'w' has no schema for its accumulator/,
    /accumulatorSchema/,
  ],
  ['an async build', (env) => Promise.resolve(words(env).print()), /build is an async function/, /top of the module/],
  [
    'one label for two prints',
    (env) => {
      const stream = words(env);
      stream.print('a');
      stream.print('a');
    },
    /the uid 'print-a' is used twice: by sink 'print-a' and by sink 'print-a'/,
    /that of print\(label\) is print-label/,
  ],
];

test.each(habits)('%s', (_habit, build, message, hint) => {
  const job = defineJob({ name: 'habits', build: build as never });
  const refusal = (): unknown => {
    try {
      return job.createGraph({}, new VirtualEnvironment());
    } catch (error) {
      return error;
    }
  };
  const error = refusal();
  expect(error).toBeInstanceOf(UserError);
  expect((error as UserError).code).toBe('JOB_DEFINITION');
  expect((error as UserError).message).toMatch(message);
  expect((error as UserError).hint).toMatch(hint);
});
