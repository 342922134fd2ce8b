import {
  collectionSource,
  defineJob,
  type Infer,
  long,
  record,
  string,
  timestampMs,
  TumblingEventTimeWindows,
  WatermarkStrategy,
} from 'tidemark';

const Amount = record('Amount', { shop: string(), cents: long(), at: timestampMs() });
type Amount = Infer<typeof Amount>;

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

const SALES: readonly Amount[] = [
  { shop: 'north', cents: 500, at: at('10:10:00') },
  { shop: 'north', cents: 700, at: at('10:20:00') },
  { shop: 'south', cents: 200, at: at('10:30:00') },
];
const RETURNS: readonly Amount[] = [{ shop: 'north', cents: 500, at: at('10:40:00') }];

export default defineJob({
  name: 'sales-and-returns',
  build(env) {
    const strategy = WatermarkStrategy.forMonotonousTimestamps<Amount>().withTimestamp((amount) => amount.at);
    const sales = env.fromSource(collectionSource(SALES), 'sales', strategy).keyBy((sale) => sale.shop);
    const returns = env.fromSource(collectionSource(RETURNS), 'returns', strategy).keyBy((back) => back.shop);
    const schemas = { leftSchema: Amount, rightSchema: Amount };
    // #region window
    sales
      .join(returns)
      .window(TumblingEventTimeWindows.of('1h'))
      .apply((sale, back) => `${sale.shop}: sold ${sale.cents}, returned ${back.cents}`, { uid: 'pairs', ...schemas })
      .print('join');

    const sum = (amounts: readonly Amount[]): number => amounts.reduce((total, { cents }) => total + cents, 0);
    sales
      .coGroup(returns)
      .window(TumblingEventTimeWindows.of('1h'))
      .apply((sold, back) => [`${(sold[0] ?? back[0])!.shop}: ${sum(sold) - sum(back)}`], { uid: 'net', ...schemas })
      .print('coGroup');
    // #endregion
  },
});
