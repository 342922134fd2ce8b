import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TEST_BACKENDS } from '../harness/operators/backends.ts';
import { keyedOneInputHarness } from '../harness/operators/operator-harness.ts';
import { isRecord } from '../harness/operators/stream-elements.ts';
import { type Command, type Config, type Op, ttlProbe } from './ttl-probe.ts';

/*
 * Time-to-live of all five kinds of state in both times, under Flink's update types and visibilities, against a model that
 * keeps single entries with the time of their last write. Where an expired entry may have been cleaned up or not, the model
 * follows both worlds, until a read tells them apart.
 */

type Step =
  | { readonly do: 'command'; readonly command: Command }
  | { readonly do: 'watermark' | 'clock'; readonly byMs: number }
  | { readonly do: 'restore' };

/** An entry of any state; `k` is the map key, or the place in the list. */
interface Entry {
  readonly k: string;
  readonly v: number;
  readonly at: number;
}

/** What one state of one key may hold: one of these. */
type Worlds = readonly (readonly Entry[])[];

class Model {
  readonly #config: Config;
  readonly #worlds = new Map<string, Worlds>();
  watermarkMs = 1000;
  nowMs = 0;

  constructor(config: Config) {
    this.#config = config;
  }

  /** Every state may be cleaned up now, or may not. */
  advanced(): void {
    if (!this.#config.returnsExpired) return;
    for (const [id, worlds] of this.#worlds) {
      const swept = worlds.map((entries) => entries.filter((entry) => !this.#isExpired(entry)));
      this.#worlds.set(id, distinct([...worlds, ...swept]));
    }
  }

  /** Checks what a command has answered (undefined: nothing) against every world, and keeps those that agree. */
  command({ key, op }: Command, answer: string | undefined): void {
    const id = `${key} ${op.state}`;
    const results = (this.#worlds.get(id) ?? [[]]).map((entries) => this.#apply(entries, op));
    const agreeing = results.filter((result) => result.answer === answer);
    expect(
      agreeing.length,
      `${JSON.stringify(op)} answered ${answer}, expected ${results.map((result) => result.answer).join(' or ')}`,
    ).toBeGreaterThan(0);
    this.#worlds.set(id, distinct(agreeing.map(({ left }) => left)));
  }

  get #timeMs(): number {
    return this.#config.isEventTime ? this.watermarkMs : this.nowMs;
  }

  #isExpired({ at }: Entry): boolean {
    return at + this.#config.ttlMs <= this.#timeMs;
  }

  #entry(v: number, k: string = ''): Entry {
    return { k, v, at: this.#timeMs };
  }

  /** Reads the entries that `isRead`: what is returned of them, and what is left of all. */
  #read(entries: readonly Entry[], isRead: (entry: Entry) => boolean = () => true) {
    const { returnsExpired, refreshesOnRead } = this.#config;
    const read = entries.filter(isRead);
    return {
      returned: read.filter((entry) => returnsExpired || !this.#isExpired(entry)),
      left: entries.flatMap((entry) => {
        if (!isRead(entry)) return [entry];
        if (this.#isExpired(entry)) return [];
        return [refreshesOnRead ? { ...entry, at: this.#timeMs } : entry];
      }),
    };
  }

  #apply(entries: readonly Entry[], op: Op): { readonly left: readonly Entry[]; readonly answer: string | undefined } {
    const silent = (left: readonly Entry[]) => ({ left, answer: undefined });
    if (op.do === 'clear') return silent([]);
    switch (op.do) {
      case 'update':
        return silent('v' in op ? [this.#entry(op.v)] : op.vs.map((v) => this.#entry(v)));
      case 'addAll':
        return silent([...entries, ...op.vs.map((v) => this.#entry(v))]);
      case 'add': {
        if (op.state === 'list') return silent([...entries, this.#entry(op.v)]);
        const counted = entries.find((entry) => this.#config.returnsExpired || !this.#isExpired(entry));
        if (op.state === 'reducing') return silent([this.#entry(counted === undefined ? op.v : counted.v * 2 + op.v)]);
        return silent([this.#entry((counted?.v ?? 1) * 3 + op.v)]);
      }
      case 'set':
        return silent([...entries.filter(({ k }) => k !== op.k), this.#entry(op.v, op.k)]);
      case 'delete':
        return silent(entries.filter(({ k }) => k !== op.k));
      case 'has':
      case 'getOne': {
        const { returned, left } = this.#read(entries, ({ k }) => k === op.k);
        return { left, answer: JSON.stringify(op.do === 'has' ? returned.length > 0 : (returned[0]?.v ?? null)) };
      }
      case 'isEmpty': {
        const seen = entries.filter((entry) => this.#config.returnsExpired || !this.#isExpired(entry));
        return { left: entries, answer: JSON.stringify(seen.length === 0) };
      }
      case 'get': {
        const { returned, left } = this.#read(entries);
        const values = returned.map(({ v }) => v);
        if (op.state === 'list') return { left, answer: JSON.stringify(values) };
        if (op.state === 'map') {
          const sorted = returned.map(({ k, v }) => [k, v] as const).toSorted(([a], [b]) => (a < b ? -1 : 1));
          return { left, answer: JSON.stringify(sorted) };
        }
        if (op.state === 'aggregating')
          return { left, answer: JSON.stringify(values.length === 0 ? null : `<${values[0]}>`) };
        return { left, answer: JSON.stringify(values[0] ?? null) };
      }
    }
  }
}

function distinct(worlds: Worlds): Worlds {
  return [...new Map(worlds.map((world) => [JSON.stringify(world), world])).values()];
}

const v = fc.integer({ min: 1, max: 9 });
const k = fc.constantFrom('x', 'y', 'z');
const vs = fc.array(v, { maxLength: 3 });
type Kind = Op['state'];
const KINDS: readonly Kind[] = ['value', 'list', 'map', 'reducing', 'aggregating'];

/** Writes of one kind of state. */
const WRITES: Readonly<Record<Kind, fc.Arbitrary<Op>>> = {
  value: v.map((it): Op => ({ state: 'value', do: 'update', v: it })),
  list: fc.oneof(
    { weight: 4, arbitrary: v.map((it): Op => ({ state: 'list', do: 'add', v: it })) },
    { weight: 1, arbitrary: vs.map((it): Op => ({ state: 'list', do: 'addAll', vs: it })) },
    { weight: 1, arbitrary: vs.map((it): Op => ({ state: 'list', do: 'update', vs: it })) },
  ),
  map: fc.oneof(
    { weight: 4, arbitrary: fc.tuple(k, v).map(([key, it]): Op => ({ state: 'map', do: 'set', k: key, v: it })) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(fc.constantFrom('delete' as const, 'has' as const, 'getOne' as const), k)
        .map(([verb, key]): Op => ({ state: 'map', do: verb, k: key })),
    },
    { weight: 1, arbitrary: fc.constant<Op>({ state: 'map', do: 'isEmpty' }) },
  ),
  reducing: v.map((it): Op => ({ state: 'reducing', do: 'add', v: it })),
  aggregating: v.map((it): Op => ({ state: 'aggregating', do: 'add', v: it })),
};

const opOf = (state: Kind): fc.Arbitrary<Op> =>
  fc.oneof(
    { weight: 6, arbitrary: WRITES[state] },
    { weight: 6, arbitrary: fc.constant<Op>({ state, do: 'get' }) },
    { weight: 1, arbitrary: fc.constant<Op>({ state, do: 'clear' }) },
  );

const stepsOf = (kinds: readonly Kind[]): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      {
        weight: 14,
        arbitrary: fc
          .record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), op: fc.oneof(...kinds.map(opOf)) })
          .map((command): Step => ({ do: 'command', command })),
      },
      {
        weight: 5,
        arbitrary: fc
          .record({ isEventTime: fc.boolean(), byMs: fc.integer({ min: 1, max: 15 }) })
          .map(({ isEventTime, byMs }): Step => ({ do: isEventTime ? 'watermark' : 'clock', byMs })),
      },
      { weight: 1, arbitrary: fc.constant<Step>({ do: 'restore' }) },
    ),
    { minLength: 10, maxLength: 100, size: 'max' },
  );

/** Runs with few kinds of state go deeper into each. */
const anySteps = fc.subarray([...KINDS], { minLength: 1 }).chain(stepsOf);

const anyConfig: fc.Arbitrary<Config> = fc.record({
  isEventTime: fc.boolean(),
  ttlMs: fc.integer({ min: 1, max: 30 }),
  refreshesOnRead: fc.boolean(),
  returnsExpired: fc.boolean(),
});

for (const backend of TEST_BACKENDS) {
  test(`entries live as long as Flink says, restores included (${backend.name})`, async () => {
    await fc.assert(
      fc.asyncProperty(anyConfig, anySteps, async (config, steps) => {
        const model = new Model(config);
        const harness = await keyedOneInputHarness<Command, string>(
          () => ttlProbe(config),
          (it: Command) => it.key,
          { backend },
        );
        await harness.processWatermark(model.watermarkMs);
        for (const step of steps) {
          switch (step.do) {
            case 'command': {
              harness.processElement(step.command);
              const [answer] = harness.takeOutput().filter(isRecord);
              model.command(step.command, answer?.value as string | undefined);
              break;
            }
            case 'watermark':
              model.watermarkMs += step.byMs;
              await harness.processWatermark(model.watermarkMs);
              model.advanced();
              break;
            case 'clock':
              model.nowMs += step.byMs;
              await harness.setProcessingTime(model.nowMs);
              model.advanced();
              break;
            case 'restore':
              await harness.initializeState(await harness.snapshot());
              await harness.processWatermark(model.watermarkMs);
              model.advanced();
          }
          harness.takeOutput();
        }
        await harness.close();
      }),
      { numRuns: 300 },
    );
  });
}
