import { expect, test } from 'vitest';
import {
  BroadcastProcessFunction,
  type BroadcastContext,
  broadcastState,
  type Collector,
  defineJob,
  type FunctionContext,
  type Infer,
  KeyedBroadcastProcessFunction,
  type KeyedBroadcastContext,
  long,
  OutputTag,
  type ReadOnlyBroadcastContext,
  type ReadOnlyContext,
  record,
  type StreamExecutionEnvironment,
  string,
  UserError,
  type ValueState,
  valueState,
  WatermarkStrategy,
} from '../../operators/index.ts';
import type { KeyedBroadcastProcessLogic } from '../../operators/process/broadcast-process-function.ts';
import { BroadcastProcessOperator } from '../../operators/process/broadcast-process-operator.ts';
import { collectSink } from '../../operators/sink/collect/collect-sink.ts';
import { collectionSource } from '../../operators/source/collection/collection-source.ts';
import type { Key } from '../../state/keyed/key.ts';
import { keyedBroadcastHarness } from '../harness/operators/operator-harness.ts';
import { testJob } from '../harness/test-job.ts';

const Rule = record('Rule', { name: string(), limit: long() });
type Rule = Infer<typeof Rule>;
type Click = { readonly user: string };

const RULES = { rules: broadcastState(string(), Rule) };
const REMOVED = new OutputTag<string>('removed');

class Limits extends KeyedBroadcastProcessFunction<string, Click, Rule, string, typeof RULES> {
  readonly broadcastState = RULES;
  #count: ValueState<number> | undefined;

  override open(context: FunctionContext): void {
    this.#count = context.state('count', valueState(long()));
  }

  processElement(
    { user }: Click,
    context: ReadOnlyBroadcastContext<string, {}, typeof RULES>,
    out: Collector<string>,
  ): void {
    const count = (this.#count!.value() ?? 0) + 1;
    this.#count!.update(count);
    for (const { name, limit } of context.broadcastState.rules.values())
      if (count >= limit) out.collect(`${name}: ${user}`);
  }

  processBroadcastElement(rule: Rule, context: KeyedBroadcastContext<string, {}, typeof RULES>): void {
    const { rules } = context.broadcastState;
    if (rule.limit > 0) {
      rules.set(rule.name, rule);
    } else {
      rules.delete(rule.name);
      context.applyToKeyedState(this.#count!, (user, count) => {
        context.output(REMOVED, `${user} had ${count.value()}`);
        count.clear();
      });
    }
  }
}

class Known extends BroadcastProcessFunction<Click, Rule, string, typeof RULES> {
  readonly broadcastState = RULES;

  processElement(
    { user }: Click,
    { broadcastState: { rules } }: ReadOnlyContext<typeof RULES>,
    out: Collector<string>,
  ) {
    out.collect(`${user} ${rules.size} ${rules.has('often')} ${[...rules.keys()].join(',')}`);
    expect('set' in rules || 'clear' in rules || 'delete' in rules).toBe(false);
  }

  processBroadcastElement(rule: Rule, { broadcastState: { rules } }: BroadcastContext<typeof RULES>): void {
    rules.set(rule.name, rule);
  }
}

function sourcesOf(env: StreamExecutionEnvironment) {
  return {
    clicks: env.fromSource(collectionSource<Click>([]), 'clicks', WatermarkStrategy.noWatermarks()),
    rules: env.fromSource(collectionSource<Rule>([]), 'rules', WatermarkStrategy.noWatermarks()),
  };
}

test('function classes: every subtask knows the rules, and a change of rules reaches the state of all keys', async () => {
  const job = defineJob({
    name: 'limits',
    params: {},
    build(env) {
      const { clicks, rules } = sourcesOf(env);
      clicks
        .keyBy(({ user }) => user)
        .connect(rules.broadcast())
        .process(() => new Limits(), { uid: 'limits' })
        .sinkTo(collectSink({}), { uid: 'out' });
      clicks
        .connect(rules.broadcast())
        .process(() => new Known(), { uid: 'known' })
        .sinkTo(collectSink({}), { uid: 'known-out' });
    },
  });
  const driver = await testJob(job, { parallelism: 3, sideOutputs: [REMOVED] });
  driver.source<Rule>('rules').push({ name: 'often', limit: 2 });
  driver.source<Click>('clicks').push({ user: 'a' }, { user: 'b' }, { user: 'a' });
  expect(driver.sink('out').take()).toEqual(['often: a']);
  expect(driver.sink<string>('known-out').take().toSorted()).toEqual([
    'a 1 true often',
    'a 1 true often',
    'b 1 true often',
  ]);
  await driver.snapshot();
  await driver.restore({ parallelism: 2 });
  driver.source<Click>('clicks').push({ user: 'b' });
  expect(driver.sink('out').take()).toEqual(['often: b']);
  driver.source<Rule>('rules').push({ name: 'often', limit: 0 });
  expect(driver.sideOutput(REMOVED).take().toSorted()).toEqual(['a had 2', 'b had 2']);
  driver.source<Click>('clicks').push({ user: 'a' }, { user: 'a' });
  expect(driver.sink('out').take()).toEqual([]);
});

type AnyContext = {
  readonly state: unknown;
  readonly timers: unknown;
  readonly currentKey: unknown;
  applyToKeyedState(name: string, visit: () => void): void;
};

test.each<[string, (context: AnyContext) => unknown, string]>([
  ['keyed state', ({ state }) => state, 'uses keyed state, but a broadcast record has no key'],
  ['timers', ({ timers }) => timers, 'uses timers, but a broadcast record has no key'],
  ['the key', ({ currentKey }) => currentKey, 'uses the current key, but a broadcast record has no key'],
  ['a state not declared', (it) => it.applyToKeyedState('sum', () => {}), "'operator' declares no state 'sum'"],
])('the broadcast side is refused %s', async (_what, use, message) => {
  const logic: KeyedBroadcastProcessLogic<Key, Click, Rule, string> = {
    state: { count: valueState(long()) },
    processElement() {},
    processBroadcastElement: (_rule, context) => void use(context as unknown as AnyContext),
  };
  const harness = await keyedBroadcastHarness(
    () => new BroadcastProcessOperator(logic),
    ({ user }: Click) => user,
  );
  const push = (): void => harness.processElement2({ name: 'often', limit: 1 });
  expect(push).toThrow(UserError);
  expect(push).toThrow(message);
  await harness.close();
});

test('a keyed stream is not connected to one that is neither keyed nor broadcast', async () => {
  const job = defineJob({
    name: 'wrong',
    params: {},
    build(env) {
      const { clicks, rules } = sourcesOf(env);
      clicks.keyBy(({ user }) => user).connect(rules as never);
    },
  });
  await expect(testJob(job)).rejects.toThrow('a keyed stream was connected to one that is neither keyed nor broadcast');
});

test('two streams may be keyed after they are connected', async () => {
  const job = defineJob({
    name: 'connected',
    params: {},
    build(env) {
      const { clicks, rules } = sourcesOf(env);
      clicks
        .connect(rules)
        .keyBy(
          ({ user }) => user,
          ({ name }) => name,
        )
        .process(
          () => ({
            processElement1: ({ user }, { currentKey }, out: Collector<string>) => out.collect(`${currentKey} ${user}`),
            processElement2: ({ limit }, { currentKey }, out) => out.collect(`${currentKey} ${limit}`),
          }),
          { uid: 'both' },
        )
        .sinkTo(collectSink({}), { uid: 'out' });
    },
  });
  const driver = await testJob(job, { parallelism: 2 });
  driver.source<Click>('clicks').push({ user: 'a' });
  driver.source<Rule>('rules').push({ name: 'a', limit: 7 });
  expect(driver.sink('out').take()).toEqual(['a a', 'a 7']);
});
