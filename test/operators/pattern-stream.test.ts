import { expect, expectTypeOf, test } from 'vitest';
import {
  AfterMatchSkipStrategy,
  type Collector,
  type DataStream,
  type Infer,
  OutputTag,
  Pattern,
  type PatternMatch,
  StreamExecutionEnvironment,
  boolean,
  long,
  record,
  string,
} from '../../operators/index.ts';

const Login = record('Login', { user: string(), isOk: boolean(), at: long() });
type Login = Infer<typeof Login>;

const logins = (): DataStream<Login> => new StreamExecutionEnvironment().fromCollection<Login>([]);

test('patterns of a stream: types of records and names of stages follow', () => {
  const keyed = logins().keyBy((login) => login.user);
  const options = {
    uid: 'attacks',
    schema: Login,
    timedOutTag: new OutputTag<PatternMatch<Login, 'failed' | 'then'>>('t'),
  };
  const attacks = keyed.pattern(
    (begin) =>
      begin('failed', AfterMatchSkipStrategy.skipPastLastEvent())
        .where((login) => !login.isOk)
        .times(3)
        .followedBy('then')
        .where((login, context) => login.user === context.eventsForPattern('failed')[0]!.user)
        .within('1m'),
    options,
  );
  const users = attacks.select(({ failed, then }, context) => {
    expectTypeOf(failed).toEqualTypeOf<readonly Login[]>();
    expectTypeOf(context.currentKey).toEqualTypeOf<string>();
    return `${failed[0]!.user} ${then.length}`;
  });
  expectTypeOf(users).toEqualTypeOf<DataStream<string>>();
  const named = Pattern.begin<Login>('only').where((login) => login.isOk);
  const counts = logins()
    .pattern(named, { uid: 'all', schema: Login })
    .flatSelect((match, out: Collector<number>) => out.collect(match['only']!.length));
  expectTypeOf(counts).toEqualTypeOf<DataStream<number>>();
  const { nodes, edges } = counts.graph.build();
  expect(nodes.at(-1)).toMatchObject({ name: 'all', uid: 'all', parallelism: 1 });
  expect(edges.at(-1)!.partitioning.kind).toBe('hash');
});

test('a subtype narrows what later conditions of the stage see', () => {
  type Event = { readonly kind: 'click'; readonly cost: number } | { readonly kind: 'view' };
  type Click = Extract<Event, { kind: 'click' }>;
  const pattern = Pattern.begin<Event>('click')
    .subtype((event): event is Click => event.kind === 'click')
    .where((click) => {
      expectTypeOf(click).toEqualTypeOf<Click>();
      return click.cost > 1;
    });
  const stages = Pattern.begin(pattern)
    .next('other')
    .where((event) => {
      expectTypeOf(event).toEqualTypeOf<Event>();
      return true;
    }).stages;
  expect(stages.map(({ name, group }) => name ?? group!.map((stage) => stage.name))).toEqual([['click'], 'other']);
});

test('a pattern is not changed by what is built on it', () => {
  const start = Pattern.begin<number>('a');
  const [one, two] = [start.where((n) => n > 1), start.oneOrMore()];
  expect(start.stages[0]).toMatchObject({ condition: undefined, quantifier: 'one' });
  expect(one.stages[0]!.quantifier).toBe('one');
  expect(two.stages[0]!.condition).toBeUndefined();
});

const a = Pattern.begin<number>('a');
const group = Pattern.begin(Pattern.begin<number>('x').next('y'));

test.each<[string, () => unknown, RegExp]>([
  ['two stages of one name', () => a.next('b').followedBy('a'), /two stages are called 'a'/],
  ['a name in a group again', () => group.next('y'), /two stages are called 'y'/],
  ['an empty name', () => a.next(''), /must be a non-empty string, found ""/],
  ['a condition that is none', () => a.where(true as never), /must be a function, found true/],
  ['a condition on a group', () => group.where(() => true), /where\(\.\.\.\) does not apply to a group/],
  ['or on a group', () => group.or(() => true), /or\(\.\.\.\) does not apply to a group/],
  ['a subtype of a group', () => group.subtype((n): n is 1 => n === 1), /subtype\(\.\.\.\) does not apply to a group/],
  ['until without a loop', () => a.times(2).until(() => true), /until ends a loop, but stage 'a' is none/],
  [
    'until twice',
    () =>
      a
        .oneOrMore()
        .until(() => true)
        .until(() => true),
    /has an until condition already/,
  ],
  ['two quantifiers', () => a.oneOrMore().times(2), /stage 'a' has a quantifier already, found times\(2\)/],
  ['a quantifier after optional', () => a.optional().oneOrMore(), /oneOrMore\(\) came after optional\(\)/],
  ['no times', () => a.times(0), /expected positive integers/],
  ['fewer than from', () => a.times(3, 2), /expected positive integers, the second not below the first/],
  ['half times', () => a.timesOrMore(1.5), /expected positive integers/],
  ['optional twice', () => a.optional().optional(), /is optional already/],
  ['optional after greedy', () => a.oneOrMore().greedy().next('b').optional(), /stage 'a' before it is greedy/],
  ['a greedy single', () => a.greedy(), /greedy\(\) needs a stage that may occur several times/],
  ['a greedy group', () => group.oneOrMore().greedy(), /does not apply to a group/],
  ['greedy combinations', () => a.oneOrMore().allowCombinations().greedy(), /greedy\(\) does not go with/],
  ['combinations of a greedy one', () => a.oneOrMore().greedy().allowCombinations(), /does not go with/],
  ['combinations of one', () => a.allowCombinations(), /allowCombinations\(\) needs a stage/],
  ['one consecutive', () => a.consecutive(), /consecutive\(\) needs a stage/],
  ['both', () => a.oneOrMore().consecutive().allowCombinations(), /not both/],
  ['consecutive twice', () => a.oneOrMore().consecutive().consecutive(), /has consecutive\(\) already/],
  ['several of a not', () => a.notNext('b').oneOrMore(), /oneOrMore\(\) does not apply to stage 'b'/],
  ['an optional not', () => a.notFollowedBy('b').optional(), /optional\(\) does not apply to stage 'b'/],
  ['a greedy not', () => a.notNext('b').greedy(), /greedy\(\) does not apply to stage 'b'/],
  ['a not after optional', () => a.next('b').optional().notFollowedBy('c'), /comes after stage 'b', which is optional/],
  ['notNext after optional', () => a.times(0, 2).notNext('c'), /comes after stage 'a', which is optional/],
  ['no time', () => a.within(0), /must be positive, found 0 ms/],
])('refused when it is said: %s', (_what, build, message) => {
  expect(build).toThrow(message);
});

test.each<[string, Pattern<number>, RegExp]>([
  ['an open end without a limit', a.notFollowedBy('b'), /notFollowedBy\('b'\) is the last stage of a pattern without/],
  ['an open end of a group', Pattern.begin(a.notFollowedBy('b').within(5)).next('c'), /last stage of a group/],
  ['an open end of a loop', Pattern.begin(a.notFollowedBy('b').within(5)).oneOrMore(), /last stage of a group/],
  ['a loop of nothing', Pattern.begin(a.optional()).oneOrMore(), /can match without any record/],
  ['neighbours in a loop', a.oneOrMore().within(5, 'previousAndCurrent'), /only a stage of a single record can have/],
  [
    'neighbours farther than all',
    a.within(5).next('b').within(6, 'previousAndCurrent'),
    /allows 6 ms since the record before it, more than the 5 ms/,
  ],
  [
    'skipping to nowhere',
    Pattern.begin<number>('a', AfterMatchSkipStrategy.skipToLast('b')).next('c'),
    /no stage 'b', which its after-match skip strategy skips to/,
  ],
])('refused when it is looked for: %s', (_what, pattern, message) => {
  const numbers = new StreamExecutionEnvironment().fromCollection<number>([]);
  expect(() => numbers.pattern(pattern, { uid: 'p', schema: long() })).toThrow(message);
});

test('refused: no schema', () => {
  expect(() => logins().pattern(Pattern.begin<Login>('a'), { uid: 'p' } as never)).toThrow(/has no schema/);
});
