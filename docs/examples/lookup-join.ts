import { collectionSource, defineJob, type Infer, type LookupTable, record, string, WatermarkStrategy } from 'tidemark';

const Click = record('Click', { userId: string(), page: string() });
type Click = Infer<typeof Click>;

const CLICKS: readonly Click[] = [
  { userId: 'ann', page: '/' },
  { userId: 'zoe', page: '/shoes' },
  { userId: 'ann', page: '/cart' },
];

interface Profile {
  readonly country: string;
}

// #region table
const PROFILES = new Map<string, Profile>([['ann', { country: 'DE' }]]);

/** A table of your own: `lookup` may ask anything. `postgresLookupTable` and `httpLookupTable` are there ready-made. */
const profiles: LookupTable<string, Profile> = {
  description: 'profiles in memory',
  lookup(userId) {
    const profile = PROFILES.get(userId);
    return Promise.resolve(profile === undefined ? [] : [profile]);
  },
};
// #endregion

export default defineJob({
  name: 'clicks-with-country',
  build(env) {
    env
      .fromSource(collectionSource(CLICKS, { recordsPerSecond: 4 }), 'clicks', WatermarkStrategy.noWatermarks<Click>())
      // #region join
      .lookupJoin(profiles, {
        uid: 'country-of-user',
        schema: Click,
        keySelector: (click) => click.userId,
        join: 'left',
        result: (click, profile) => ({ ...click, country: profile?.country ?? 'unknown' }),
        cache: { kind: 'partial', maxRows: 10_000, expireAfterWrite: '10m' },
      })
      // #endregion
      .print('click');
  },
});
