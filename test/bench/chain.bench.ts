/**
 * What a stateless operator of a chain costs: a source's split, then map and filter by turns, then a sink that counts,
 * beside one loop that calls the same functions. An operator costs 5 to 10 ns, as in the loop: most of it is the call of a
 * function that V8 does not know at this place. Fusing chains by generated code could win no more than that.
 * Run: npm run bench -- chain    Unit: CPU ns per record    TIDEMARK_BENCH=test: tiny sizes
 */
import { PausableClock } from '../../engine/time/pausable-clock.ts';
import { WatermarkMultiplexer } from '../../engine/time/watermark-multiplexer.ts';
import { WatermarkStrategy } from '../../engine/time/watermark-strategy.ts';
import { ChainedOperator } from '../../engine/task/operator-chain.ts';
import { INSERT } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { TimedSplit } from '../../engine/task/timed-split.ts';
import { FilterOperator } from '../../operators/process/filter-operator.ts';
import { FlatMapOperator } from '../../operators/process/flat-map-operator.ts';
import { MapOperator } from '../../operators/process/map-operator.ts';

interface Bid {
  readonly auction: number;
  readonly price: number;
  readonly at: number;
}

const isTest = process.env['TIDEMARK_BENCH'] === 'test';
const RECORDS = 1024;
const ROUNDS = isTest ? 2 : 4000;
const bids = Array.from({ length: RECORDS }, (_, i): Bid => ({
  auction: i * 7,
  price: i * 100,
  at: 1_767_225_600_000 + i,
}));
let written = 0;

class CountingOperator extends StreamOperator<never> {
  override processElement(value: unknown): void {
    written += (value as Bid).auction & 1;
  }
}

/** Functions of their own per place in the chain, as a job has them. */
const maps = Array.from(
  { length: 8 },
  (_, i) =>
    // oxlint-disable-next-line typescript/no-implied-eval -- closures of one place would share their feedback
    new Function('bid', `return { auction: bid.auction + ${i}, price: bid.price, at: bid.at };`) as (bid: Bid) => Bid,
);
const filters = Array.from(
  { length: 8 },
  (_, i) =>
    // oxlint-disable-next-line typescript/no-implied-eval -- as above
    new Function('bid', `return bid.price !== -${i + 1};`) as (bid: Bid) => boolean,
);

function operatorAt(place: number, kinds: string): StreamOperator<unknown> {
  switch (kinds[place]) {
    case 'm':
      return new MapOperator<Bid, Bid>(maps[place]!);
    case 'f':
      return new FilterOperator<Bid>(filters[place]!);
    default:
      return new FlatMapOperator<Bid, Bid>((bid, out) => out.collect(bid));
  }
}

function chainOf(kinds: string): TimedSplit {
  let next: ChainedOperator | undefined;
  const operators = [...Array.from(kinds, (_, i) => operatorAt(i, kinds)), new CountingOperator()];
  for (const operator of operators.toReversed()) {
    const chained: ChainedOperator = new ChainedOperator({
      uid: '',
      name: '',
      operator,
      edges: next === undefined ? [] : [{ kind: 'chained', target: next, sideOutputTag: undefined }],
      timers: undefined as never,
    });
    operator.setup({ output: chained.output } as never);
    void operator.open();
    next = chained;
  }
  const head = new ChainedOperator({
    uid: '',
    name: '',
    operator: new CountingOperator(),
    edges: [{ kind: 'chained', target: next!, sideOutputTag: undefined }],
    timers: undefined as never,
  });
  return new TimedSplit({
    splitId: 'split',
    strategy: WatermarkStrategy.forBoundedOutOfOrderness<Bid>('4s').withTimestamp((bid) => bid.at) as never,
    clock: new PausableClock({ monotonicMs: () => 0 }),
    multiplexer: new WatermarkMultiplexer({ emitWatermark: () => {}, markIdle: () => {}, markActive: () => {} }),
    output: head.output,
    recordsOut: { value: 0 } as never,
  });
}

function bench(name: string, run: () => void): void {
  for (let round = 0; round < Math.min(500, ROUNDS); round++) run();
  let best = Infinity;
  for (let i = 0; i < (isTest ? 1 : 5); i++) {
    const before = process.cpuUsage();
    for (let round = 0; round < ROUNDS; round++) run();
    const used = process.cpuUsage(before);
    best = Math.min(best, ((used.user + used.system) * 1000) / (ROUNDS * RECORDS));
  }
  console.log(`${name.padEnd(32)} ${best.toFixed(1).padStart(7)} ns`);
}

for (const kinds of ['', 'm', 'f', 'mf', 'mfm', 'mfmfmf', 'mfxmfx']) {
  const split = chainOf(kinds);
  bench(`chain ${kinds || 'of the sink only'}`, () => {
    for (let i = 0; i < RECORDS; i++) split.collect(bids[i], Number.NaN);
  });
  let newestMs = 0;
  bench(`loop  ${kinds}`, () => {
    for (let i = 0; i < RECORDS; i++) {
      let bid = bids[i]!;
      if (bid.at > newestMs) newestMs = bid.at;
      let isKept = true;
      for (let place = 0; place < kinds.length && isKept; place++) {
        if (kinds[place] === 'm') bid = maps[place]!(bid);
        else if (kinds[place] === 'f') isKept = filters[place]!(bid);
      }
      if (isKept) written += bid.auction & 1;
    }
  });
}
if (written + INSERT === 0) console.log('nothing was done');
