import { defineJob, generatorSource, WatermarkStrategy } from '../../../operators/index.ts';
import { collectSink } from '../../../operators/sink/collect/collect-sink.ts';

/** Another job than anybody asked for. */
export default defineJob({
  name: 'other-job',
  build(env) {
    env
      .fromSource(generatorSource({ countPerSplit: 1, recordAt: () => 1 }), 'one', WatermarkStrategy.noWatermarks())
      .sinkTo(collectSink(), { uid: 'out' });
  },
});
