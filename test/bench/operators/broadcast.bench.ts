/**
 * A function with keyed and broadcast state beside a loop over plain `Map`s: ns of CPU per record, driven as a task does.
 * Run: npm run bench -- operators/broadcast    Sizes: TIDEMARK_BENCH_EVENTS (1,000,000), tiny when TIDEMARK_BENCH=test
 */
import type { KeyedBroadcastProcessLogic } from '../../../operators/process/broadcast-process-function.ts';
import { defineKeyedBroadcastProcess } from '../../../operators/process/broadcast-process-function.ts';
import { BroadcastProcessOperator } from '../../../operators/process/broadcast-process-operator.ts';
import { broadcastState } from '../../../operators/process/broadcast-state-spec.ts';
import type { Collector } from '../../../operators/process/collector.ts';
import { valueState } from '../../../operators/process/state-spec.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { long } from '../../../state/schema/scalars.ts';
import { type EventValue, thousandKeys } from './events.ts';
import { type HandLoop, measureOperators } from './measure-operator.ts';

const RULES = 10;

const counted = defineKeyedBroadcastProcess({
  uid: 'counted',
  broadcastState: { limits: broadcastState(long(), long()) },
  state: { count: valueState(long()) },
  processElement(event: EventValue, { state, broadcastState: { limits } }, out: Collector<unknown>) {
    const count = (state.count.value() ?? 0) + 1;
    state.count.update(count);
    const limit = limits.get(event.user % RULES);
    if (limit !== undefined && count % limit === 0) out.collect({ event, count });
  },
  processBroadcastElement(event: EventValue, { broadcastState: { limits } }) {
    limits.set(event.user % RULES, 2 + (event.at % 7));
  },
});

class CountedLoop implements HandLoop {
  count = 0;
  readonly #limits = new Map<number, number>();
  readonly #counts = new Map<Key, number>();
  #last: unknown;

  get last(): unknown {
    return this.#last;
  }

  element(key: Key, event: EventValue, _timestampMs: number, side: 0 | 1): void {
    if (side === 1) {
      this.#limits.set(event.user % RULES, 2 + (event.at % 7));
      return;
    }
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    const limit = this.#limits.get(event.user % RULES);
    if (limit === undefined || count % limit !== 0) return;
    this.#last = { event, count };
    this.count++;
  }

  watermark(): void {}
}

await measureOperators([
  {
    name: 'keyed count with ten broadcast rules, 1,000 keys',
    create: () =>
      new BroadcastProcessOperator(counted as unknown as KeyedBroadcastProcessLogic<Key, never, never, unknown>),
    byHand: () => new CountedLoop(),
    keyOf: thousandKeys,
    // One record in a thousand changes a rule.
    sideOf: (i) => (i % 1001 === 1000 ? 1 : 0),
  },
]);
