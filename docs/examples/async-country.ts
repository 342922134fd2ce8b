import {
  type AsyncFunction,
  AsyncRetryStrategies,
  collectionSource,
  defineJob,
  type Infer,
  record,
  string,
  WatermarkStrategy,
} from 'tidemark';
import { z } from 'zod';

const View = record('View', { page: string(), ipAddress: string() });
type View = Infer<typeof View>;
type Located = View & { country: string };

// #region function
const countryOf = (url: string): AsyncFunction<View, Located> => ({
  async asyncInvoke(view, { signal }) {
    try {
      const response = await fetch(`${url}/${view.ipAddress}`, { signal });
      return [{ ...view, country: response.ok ? await response.text() : 'unknown' }];
    } catch {
      return [{ ...view, country: 'unknown' }];
    }
  },
  timeout: (view) => [{ ...view, country: 'unknown' }],
});
const retry = AsyncRetryStrategies.exponentialBackoff<Located>({
  maxAttempts: 3,
  initialDelay: '100ms',
  maxDelay: '1s',
  multiplier: 2,
  ifResult: ([located]) => located?.country === 'unknown',
});
// #endregion

export default defineJob({
  name: 'countries',
  params: { locator: z.string().default('http://127.0.0.1:8080') },
  build(env, { locator }) {
    env
      .fromSource(
        collectionSource<View>([{ page: '/', ipAddress: '192.0.2.1' }]),
        'views',
        WatermarkStrategy.noWatermarks<View>(),
      )
      .unorderedWait(countryOf(locator), { uid: 'country', schema: View, timeout: '2s', capacity: 50, retry })
      .print('view');
  },
});
