import {
  collectionSource,
  type Collector,
  defineJob,
  type FunctionContext,
  KeyedProcessFunction,
  long,
  type ProcessContext,
  type ValueState,
  valueState,
  WatermarkStrategy,
} from 'tidemark';

// #region function
/** Counts, and breaks at the sixth record unless it has been restored. */
class Count extends KeyedProcessFunction<string, string, string> {
  #count!: ValueState<number>;
  #isRestored = false;

  override open(context: FunctionContext): void {
    this.#count = context.state('count', valueState(long()));
    this.#isRestored = context.isRestored;
  }

  processElement(word: string, _context: ProcessContext<string>, out: Collector<string>): void {
    const count = (this.#count.value() ?? 0) + 1;
    if (count === 6 && !this.#isRestored) throw new Error('broken on purpose');
    this.#count.update(count);
    out.collect(`${word} ${count}`);
  }
}
// #endregion

export default defineJob({
  name: 'restart',
  options: { checkpointInterval: '1s' },
  build(env) {
    const words = Array.from({ length: 8 }, () => 'tick');
    env
      .fromSource(collectionSource(words, { recordsPerSecond: 3 }), 'words', WatermarkStrategy.noWatermarks<string>())
      .keyBy((word) => word)
      .process(() => new Count(), { uid: 'count' })
      .print('word');
  },
});
