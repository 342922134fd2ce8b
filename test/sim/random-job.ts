import type { Environment } from '../../engine/base/environment.ts';
import { SeededRandom } from '../../engine/base/random.ts';
import type { DataStream } from '../../operators/data-stream.ts';
import { generatorSource } from '../../operators/source/collection/generator-source.ts';
import {
  type AsyncFunction,
  boolean,
  defineProcess,
  OutputTag,
  string,
  valueState,
  WatermarkStrategy,
} from '../../operators/index.ts';
import { murmurHash } from '../../state/keyed/key-group.ts';
import type { SimulatedJob } from './simulate.ts';

/** A stream of a random job, and the rows it must carry, in any order. */
interface Planned {
  readonly stream: DataStream<string>;
  readonly rows: readonly string[];
}

export interface RandomJob extends SimulatedJob {
  /** Rows per sink, sorted, as a model of lists says: no engine is involved. */
  readonly expected: Readonly<Record<string, readonly string[]>>;
}

/**
 * A job of up to three sources, a dozen operators wired at random, and a sink at every loose end: chains, unions, splits
 * into side outputs, keyed and unkeyed pairs of inputs, every partitioning, parallelisms of their own, records that
 * multiply. No result depends on the order of records.
 */
export function createRandomJob(seed: number): RandomJob {
  const sinkUids: string[] = [];
  const expected: Record<string, readonly string[]> = {};
  const job: SimulatedJob = {
    name: `random-${seed}`,
    sinkUids,
    build(env, sink) {
      const random = new SeededRandom(seed);
      const pick = <T>(items: readonly T[]): T => items[random.below(items.length)]!;
      const parallelism = (): number | undefined => pick([undefined, undefined, undefined, 1, 2, 3]);
      const open: Planned[] = [];
      const sourceCount = 1 + random.below(3);
      for (let i = 0; i < sourceCount; i++) {
        const name = `source-${i}`;
        const splitCount = 1 + random.below(3);
        const count = 5 + random.below(60);
        const countOf = (splitIndex: number): number => Math.floor(count / (splitIndex + 1));
        const recordAt = (splitIndex: number, n: number): string => `${name}.${splitIndex}.${n}`;
        const stream = env.fromSource(
          generatorSource({
            name,
            splitCount,
            countPerSplit: countOf,
            recordAt,
            recordsPerSecond: pick([undefined, 200, 2_000]),
          }),
          name,
          WatermarkStrategy.forMonotonousTimestamps<string>().withTimestamp((row) => Number(row.split('.')[2])),
          { parallelism: parallelism() },
        );
        const rows = Array.from({ length: splitCount }, (_, splitIndex) =>
          Array.from({ length: countOf(splitIndex) }, (_unused, n) => recordAt(splitIndex, n)),
        ).flat();
        open.push({ stream, rows });
      }
      const operatorCount = 3 + random.below(10);
      for (let i = 0; i < operatorCount; i++) {
        // An input that stays open feeds several operators.
        const take = (): Planned => {
          const at = random.below(open.length);
          const planned = open[at]!;
          if (random.below(3) > 0) open.splice(at, 1);
          return planned;
        };
        const first = take();
        const second = open.length > 0 ? take() : first;
        open.push(...addOperator(i, first, second, { random, pick, parallelism: parallelism() }));
      }
      for (const [i, { stream, rows }] of open.entries()) {
        const uid = `sink-${i}`;
        stream.sinkTo(sink(), { uid, parallelism: parallelism() });
        if (!sinkUids.includes(uid)) sinkUids.push(uid);
        expected[uid] = rows.map((row) => JSON.stringify(row)).sort();
      }
    },
  };
  return { ...job, expected };
}

function addOperator(
  n: number,
  first: Planned,
  second: Planned,
  choice: {
    readonly random: SeededRandom;
    readonly pick: <T>(items: readonly T[]) => T;
    readonly parallelism: number | undefined;
  },
): Planned[] {
  const { random, pick, parallelism } = choice;
  const options = { name: `op-${n}`, parallelism };
  const hash = (row: string): number => murmurHash([...row].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) | 0, n));
  const marked = (row: string): string => `${row}>${n}`;
  switch (random.below(10)) {
    case 0:
      return [{ stream: first.stream.map(marked, options), rows: first.rows.map(marked) }];
    case 1: {
      const isKept = (row: string): boolean => hash(row) % 4 !== 0;
      return [{ stream: first.stream.filter(isKept, options), rows: first.rows.filter(isKept) }];
    }
    case 2: {
      const times = pick([2, 5, 40]);
      const multiply = (row: string): string[] =>
        hash(row) % 5 === 0 ? Array.from({ length: times }, (_, k) => `${row}*${k}`) : [row];
      // Kept small for the sake of the chain of several of them.
      if (first.rows.length > 400) return [first];
      return [{ stream: first.stream.flatMap(multiply, options), rows: first.rows.flatMap(multiply) }];
    }
    case 3: {
      const union = first.stream.union(second.stream);
      return [{ stream: union.map(marked, options), rows: [...first.rows, ...second.rows].map(marked) }];
    }
    case 4: {
      const how = pick(['rebalance', 'rescale', 'shuffle', 'global'] as const);
      return [{ stream: first.stream[how]().map(marked, options), rows: first.rows.map(marked) }];
    }
    case 5: {
      // Every subtask gets every record: as many copies as there are subtasks.
      if (first.rows.length > 400) return [first];
      const copies = parallelism ?? 2;
      const stream = first.stream.broadcast().map(marked, { ...options, parallelism: copies });
      return [{ stream, rows: first.rows.flatMap((row) => new Array<string>(copies).fill(marked(row))) }];
    }
    case 6: {
      // The first of equal records of a key.
      const stream = first.stream
        .union(second.stream)
        .keyBy((row) => row)
        .process(
          defineProcess({
            uid: `distinct-${n}`,
            state: { seen: valueState(boolean()) },
            processElement(row: string, { state }, out: { collect(value: string): void }) {
              if (state.seen.value() === true) return;
              state.seen.update(true);
              out.collect(row);
            },
          }),
          options,
        );
      return [{ stream, rows: [...new Set([...first.rows, ...second.rows])] }];
    }
    case 7: {
      const tag = new OutputTag<string>(`side-${n}`);
      const isAside = (row: string): boolean => hash(row) % 3 === 0;
      const stream = first.stream.process<string>(
        () => ({
          processElement(row: string, context, out: { collect(value: string): void }) {
            if (isAside(row)) context.output(tag, `${row}|${n}`);
            else out.collect(row);
          },
        }),
        options,
      );
      return [
        { stream, rows: first.rows.filter((row) => !isAside(row)) },
        {
          stream: stream.getSideOutput(tag),
          rows: first.rows.filter(isAside).map((row) => `${row}|${n}`),
        },
      ];
    }
    case 8: {
      const how = pick(['orderedWait', 'unorderedWait'] as const);
      const stream = first.stream[how](new Asked(marked), {
        ...options,
        uid: `ask-${n}`,
        schema: string(),
        capacity: pick([1, 3, 50]),
      });
      return [{ stream, rows: first.rows.map(marked) }];
    }
    default: {
      const left = (row: string): string => `${row}<${n}`;
      const connected = first.stream.connect(second.stream);
      return [
        {
          stream: connected.map(left, marked, options),
          rows: [...first.rows.map(left), ...second.rows.map(marked)],
        },
      ];
    }
  }
}

/** A function whose answers take a while, or none. */
class Asked implements AsyncFunction<string, string> {
  readonly #map: (row: string) => string;
  #environment: Environment = undefined as never;

  constructor(map: (row: string) => string) {
    this.#map = map;
  }

  open({ environment }: { readonly environment: Environment }): void {
    this.#environment = environment;
  }

  asyncInvoke(row: string): Promise<string[]> | string[] {
    const { random, scheduler } = this.#environment;
    const delayMs = Math.floor(random.next() * 8);
    return delayMs === 0 ? [this.#map(row)] : scheduler.delay(delayMs).then(() => [this.#map(row)]);
  }
}
