import {
  boolean,
  collectionSource,
  type Collector,
  defineJob,
  type FunctionContext,
  type Infer,
  KeyedProcessFunction,
  type ProcessContext,
  record,
  string,
  type ValueState,
  valueState,
  WatermarkStrategy,
} from 'tidemark';

const Click = record('Click', { id: string(), page: string() });
type Click = Infer<typeof Click>;

const CLICKS: readonly Click[] = [
  { id: 'c1', page: '/' },
  { id: 'c2', page: '/shoes' },
  { id: 'c1', page: '/' },
];

// #region class
class Deduplicate extends KeyedProcessFunction<string, Click, Click> {
  #seen!: ValueState<boolean>;

  override open(context: FunctionContext): void {
    this.#seen = context.state('seen', valueState(boolean(), { ttl: { processingTime: '1h' } }));
  }

  processElement(click: Click, _context: ProcessContext<string>, out: Collector<Click>): void {
    if (this.#seen.value() === true) return;
    this.#seen.update(true);
    out.collect(click);
  }
}
// #endregion

export default defineJob({
  name: 'deduplicate',
  build(env) {
    env
      .fromSource(collectionSource(CLICKS), 'clicks', WatermarkStrategy.noWatermarks<Click>())
      .keyBy((click) => click.id)
      // #region use
      .process(() => new Deduplicate(), { uid: 'deduplicate' })
      // #endregion
      .print('click');
  },
});
