import fc from 'fast-check';
import type { Key, Namespace } from '../../../state/keyed/key.ts';
import type { Domain } from './backend-model.ts';

export interface CacheSize {
  readonly decodedPagesMax: number;
  readonly encodedBytesMax: number;
  readonly stateFileBytesMax: number;
  readonly splitBytes: number;
  /** Decoded pages that a snapshot encodes at a time; between, it lets so many promises settle. */
  readonly sweepPages: number;
  readonly pauseTicks: number;
  /** Bytes restored in one go while the state is in use; undefined: all of it at first. */
  readonly restoreBytes: number | undefined;
}

const anyKey = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 25 }).map((n): Key => `user-${n}`) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 10 }).map((n): Key => n) },
  { weight: 1, arbitrary: fc.constantFrom<Key>(true, 5n, 2.5, '', 'é', '漢字', 'x'.repeat(300)) },
);
const anyNamespace = fc.constantFrom<Namespace>(0, 60_000, 120_000, '0:10', '5:20');
const anyTime = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 400 }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 200_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 10_000_000 }) },
);

export type Access = { readonly key: Key } & (
  | { readonly do: 'value'; readonly to: string | undefined }
  | { readonly do: 'list'; readonly add: number }
  | { readonly do: 'listUpdate'; readonly to: readonly number[] }
  | { readonly do: 'map'; readonly at: string; readonly to: number | undefined }
  | { readonly do: 'sum' | 'average'; readonly ns: Namespace; readonly add: number }
  | { readonly do: 'clearSum'; readonly ns: Namespace }
  | { readonly do: 'merge'; readonly target: Namespace; readonly sources: readonly Namespace[] }
  | { readonly do: 'mapMany' | 'mapDrop'; readonly from: number; readonly count: number }
  | { readonly do: 'listMany'; readonly count: number }
  | { readonly do: 'seen' | 'recent'; readonly add: number }
  | { readonly do: 'register' | 'delete'; readonly domain: Domain; readonly ns: Namespace; readonly ts: number }
  | { readonly do: 'clearAll' }
  | { readonly do: 'read' }
);

const anyDomain = fc.constantFrom<Domain>('event', 'processing');
const small = fc.integer({ min: -100, max: 1000 });
const anyAccess: fc.Arbitrary<Access> = fc.oneof(
  fc.record({
    key: anyKey,
    do: fc.constant('value' as const),
    to: fc.option(fc.string({ maxLength: 2000 }), { nil: undefined }),
  }),
  fc.record({ key: anyKey, do: fc.constant('list' as const), add: small }),
  fc.record({ key: anyKey, do: fc.constant('listUpdate' as const), to: fc.array(small, { maxLength: 4 }) }),
  fc.record({
    key: anyKey,
    do: fc.constant('map' as const),
    at: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
    to: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { nil: undefined }),
  }),
  fc.record({ key: anyKey, do: fc.constantFrom('sum' as const, 'average' as const), ns: anyNamespace, add: small }),
  fc.record({ key: anyKey, do: fc.constant('clearSum' as const), ns: anyNamespace }),
  fc.record({
    key: anyKey,
    do: fc.constant('merge' as const),
    target: fc.constant<Namespace>('5:20'),
    sources: fc.subarray<Namespace>([0, 60_000, 120_000, '0:10']),
  }),
  fc.record({
    key: anyKey,
    do: fc.constantFrom('mapMany' as const, 'mapDrop' as const),
    from: fc.nat(30),
    count: fc.nat(30),
  }),
  fc.record({ key: anyKey, do: fc.constant('listMany' as const), count: fc.nat(40) }),
  fc.record({ key: anyKey, do: fc.constantFrom('seen' as const, 'recent' as const), add: small }),
  fc.record({
    key: anyKey,
    do: fc.constantFrom('register' as const, 'register' as const, 'delete' as const),
    domain: anyDomain,
    ns: anyNamespace,
    ts: anyTime,
  }),
  fc.record({ key: anyKey, do: fc.constant('clearAll' as const) }),
  fc.record({ key: anyKey, do: fc.constant('read' as const) }),
);

export type Step =
  | { readonly do: 'batch'; readonly accesses: readonly Access[] }
  | { readonly do: 'advance'; readonly domain: Domain; readonly by: number }
  | { readonly do: 'snapshot'; readonly isFull: boolean; readonly fails: boolean; readonly waits: boolean }
  | { readonly do: 'prefetch'; readonly keys: readonly Key[] }
  /** Visits all keys and adds to their lists. */
  | { readonly do: 'everyKey'; readonly add: number }
  | { readonly do: 'restore'; readonly parallelism: number };

export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('batch' as const), accesses: fc.array(anyAccess, { maxLength: 60 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      domain: anyDomain,
      by: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 0, max: 60 }) },
        { weight: 2, arbitrary: fc.integer({ min: 0, max: 70_000 }) },
        { weight: 1, arbitrary: fc.constant(5_000_000) },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('snapshot' as const),
      isFull: fc.boolean(),
      fails: fc.constantFrom(false, false, false, true),
      waits: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('everyKey' as const), add: small }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('prefetch' as const), keys: fc.array(anyKey) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restore' as const), parallelism: fc.constantFrom(1, 2, 3) }) },
);

export const anyCache: fc.Arbitrary<CacheSize> = fc.record({
  decodedPagesMax: fc.constantFrom(1, 3, 8, 40),
  encodedBytesMax: fc.constantFrom(1, 80_000, 120_000, 1_000_000),
  stateFileBytesMax: fc.constantFrom(2_000, 64 << 20),
  splitBytes: fc.constantFrom(8, 16, 64 << 10),
  sweepPages: fc.constantFrom(1, 3, 512),
  pauseTicks: fc.constantFrom(0, 2, 20, 200),
  restoreBytes: fc.constantFrom(undefined, 1, 1000, 1 << 20),
});
