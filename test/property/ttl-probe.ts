import type { Collector } from '../../operators/process/collector.ts';
import { defineProcess } from '../../operators/process/define-process.ts';
import { ProcessOperator } from '../../operators/process/process-operator.ts';
import {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  type TtlOptions,
  valueState,
} from '../../operators/process/state-spec.ts';
import { long, string } from '../../state/schema/scalars.ts';

/** One access to one of the five states of a key. */
export type Op =
  | { readonly state: 'value'; readonly do: 'update'; readonly v: number }
  | { readonly state: 'value' | 'list' | 'map' | 'reducing' | 'aggregating'; readonly do: 'clear' | 'get' }
  | { readonly state: 'list'; readonly do: 'add'; readonly v: number }
  | { readonly state: 'list'; readonly do: 'addAll' | 'update'; readonly vs: readonly number[] }
  | { readonly state: 'map'; readonly do: 'set'; readonly k: string; readonly v: number }
  | { readonly state: 'map'; readonly do: 'delete' | 'has' | 'getOne'; readonly k: string }
  | { readonly state: 'map'; readonly do: 'isEmpty' }
  | { readonly state: 'reducing' | 'aggregating'; readonly do: 'add'; readonly v: number };

export interface Command {
  readonly key: string;
  readonly op: Op;
}

/** How the states of a run live. */
export interface Config {
  readonly isEventTime: boolean;
  readonly ttlMs: number;
  readonly refreshesOnRead: boolean;
  readonly returnsExpired: boolean;
}

/** An operator that is nothing but five states; it answers every read with JSON. */
export function ttlProbe({
  isEventTime,
  ttlMs,
  refreshesOnRead,
  returnsExpired,
}: Config): ProcessOperator<string, Command, string> {
  const ttl: TtlOptions = {
    ...(isEventTime ? { eventTime: ttlMs } : { processingTime: ttlMs }),
    update: refreshesOnRead ? 'onReadAndWrite' : 'onCreateAndWrite',
    visibility: returnsExpired ? 'returnExpiredIfNotCleanedUp' : 'neverReturnExpired',
  };
  const logic = defineProcess({
    uid: 'tested',
    state: {
      value: valueState(long(), { ttl }),
      list: listState(long(), { ttl }),
      map: mapState(string(), long(), { ttl }),
      reducing: reducingState(long(), (a: number, b: number) => a * 2 + b, { ttl }),
      aggregating: aggregatingState(
        {
          accumulatorSchema: long(),
          createAccumulator: () => 1,
          add: (a: number, b: number) => a * 3 + b,
          getResult: (a: number) => `<${a}>`,
          merge: (a: number, b: number) => a + b,
        },
        { ttl },
      ),
    },
    processElement({ op }: Command, { state }, out: Collector<string>) {
      const answer = (value: unknown): void => out.collect(JSON.stringify(value ?? null));
      if (op.do === 'clear') {
        state[op.state].clear();
        return;
      }
      switch (op.state) {
        case 'value':
          if (op.do === 'update') state.value.update(op.v);
          else answer(state.value.value());
          return;
        case 'list':
          if (op.do === 'add') state.list.add(op.v);
          else if (op.do === 'addAll') state.list.addAll(op.vs);
          else if (op.do === 'update') state.list.update(op.vs);
          else answer(state.list.get());
          return;
        case 'map':
          if (op.do === 'set') state.map.set(op.k, op.v);
          else if (op.do === 'delete') state.map.delete(op.k);
          else if (op.do === 'has') answer(state.map.has(op.k));
          else if (op.do === 'getOne') answer(state.map.get(op.k));
          else if (op.do === 'isEmpty') answer(state.map.isEmpty());
          else answer([...state.map.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)));
          return;
        default:
          if (op.do === 'add') state[op.state].add(op.v);
          else answer(state[op.state].get());
      }
    },
  });
  return new ProcessOperator(logic) as unknown as ProcessOperator<string, Command, string>;
}
