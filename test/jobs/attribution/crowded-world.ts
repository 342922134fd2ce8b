import type { SimulatorOptions } from '../../../jobs/simulator/options.ts';

/** A small crowded world: users meet the same campaigns often, windows are short, trouble is frequent. */
export const CROWDED: SimulatorOptions = {
  profile: 'dense',
  impressionsPerSecond: 100,
  partitions: 3,
  users: 200,
  campaigns: 12,
  advertisers: 4,
  creativesPerCampaign: 2,
  clickThroughRate: 0.15,
  clickDelayMax: '40s',
  conversionsPerClick: 0.4,
  conversionDelayScale: 60 / (30 * 86_400),
  clickWindow: '20s',
  beyondWindowRate: 0.1,
  legacyRate: 0.25,
  idlessClickRate: 0.05,
  trouble: {
    naturalDuplicate: 0.03,
    syntheticDuplicate: 0.02,
    late: 0.02,
    unparseable: 0.01,
    missingField: 0.01,
    badTimestamp: 0.01,
    futureTimestamp: 0.01,
    unknownReference: 0.01,
    badValue: 0.01,
    orphan: 0.02,
  },
};
