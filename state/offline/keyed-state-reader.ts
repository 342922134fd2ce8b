import { ByteReader } from '../../engine/base/bytes.ts';
import { UserError } from '../../engine/base/errors.ts';
import { LargeContext } from '../keyed/large-factory.ts';
import { readKeyGroups, type StoredPage } from '../keyed/key-group-run.ts';
import { PageCodec } from '../keyed/page-codec.ts';
import type { PageTimers } from '../keyed/page-timers.ts';
import { Page, PageCursor } from '../keyed/page.ts';
import { filesOfRange, openStateFiles } from '../keyed/restore-pages.ts';
import type { StateFormat } from '../keyed/state-format.ts';
import type { StateDescriptor } from '../keyed/state.ts';
import { StoredParts } from '../keyed/stored-parts.ts';
import { parseAvroSchema } from '../schema/parse-avro-schema.ts';
import type { StateFile } from '../snapshot/state-file.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import { ContentConverter } from './contents.ts';
import type { OfflineStateSpecs, OfflineTimer, StoredKeyedEntry, WrittenAt } from './keyed-entry.ts';

export interface KeyedReadOptions {
  readonly operatorUid: string;
  readonly maxParallelism: number;
  readonly storage: ObjectStorage;
  /** Lists of files, oldest first in each; no two lists hold the same key group. */
  readonly fileLists: readonly (readonly StateFile[])[];
  readonly descriptors: readonly StateDescriptor[];
  /** Only key groups [start, end). Default: all. */
  readonly keyGroups?: { readonly start: number; readonly end: number } | undefined;
  /** Only this key's page is decoded. */
  readonly isWanted?: ((page: StoredPage) => boolean) | undefined;
}

/**
 * Reads keyed state from files, key group by key group in each list of files; only one key group is in memory.
 *
 * @throws CheckpointCorruptError for a missing or torn file; UserError STATE_INCOMPATIBLE when a state cannot be read as it
 * is declared.
 */
export async function* readKeyedEntries(options: KeyedReadOptions): AsyncGenerator<StoredKeyedEntry> {
  const { operatorUid, maxParallelism, storage, descriptors } = options;
  const { start, end } = options.keyGroups ?? { start: 0, end: maxParallelism };
  for (const list of options.fileLists) {
    const files = filesOfRange(list, start, end);
    if (files.length === 0) continue;
    const large = new LargeContext(new PageCursor());
    const codec: PageCodec = new PageCodec(operatorUid, large);
    const parts = new StoredParts(() => codec);
    large.parts = parts;
    const run = await openStateFiles(files, { operatorUid, maxParallelism, storage, codec });
    for (const descriptor of descriptors) codec.declare(descriptor);
    // The getter fixes the current format, so that pages of it are known.
    void codec.currentFormat;
    const converters = descriptors.map((descriptor) => new ContentConverter(descriptor));
    for await (const group of readKeyGroups(run)) {
      parts.parts = group.parts;
      for (const stored of group.pages) {
        if (options.isWanted?.(stored) === false) continue;
        const page = new Page(descriptors.map(() => undefined));
        page.key = stored.key;
        codec.read(new ByteReader(stored.bytes), page);
        yield toEntry(page, group.keyGroup, descriptors, converters);
      }
    }
  }
}

function toEntry(
  page: Page,
  keyGroup: number,
  descriptors: readonly StateDescriptor[],
  converters: readonly ContentConverter[],
): StoredKeyedEntry {
  const state: Record<string, unknown> = {};
  const writtenAt: Record<string, WrittenAt> = {};
  descriptors.forEach(({ name, ttl }, index) => {
    const slot = page.slots[index];
    if (slot === undefined) return;
    state[name] = converters[index]!.read(slot);
    if (ttl !== undefined) writtenAt[name] = converters[index]!.readTimes(slot);
  });
  const timers = [
    ...timersOf(page.eventTimers, 'eventTime'),
    ...timersOf(page.processingTimers, 'processingTime'),
  ].toSorted((a, b) => a.timestampMs - b.timestampMs);
  return { key: page.key, keyGroup, state: state as never, timers, writtenAt };
}

function timersOf(timers: PageTimers, timeDomain: OfflineTimer['timeDomain']): OfflineTimer[] {
  const found: OfflineTimer[] = [];
  timers.forEach((timestampMs, namespace) => found.push({ timeDomain, timestampMs, namespace }));
  return found;
}

/** Declarations of the states asked for. @throws UserError NOT_FOUND for one that is not stored. */
export function descriptorsOf(
  operatorUid: string,
  specs: OfflineStateSpecs | undefined,
  formats: readonly StateFormat[],
): StateDescriptor[] {
  const newest = newestFormats(formats);
  if (specs === undefined) return newest.map(descriptorOfFormat);
  return Object.entries(specs).map(([name, spec]) => {
    if (!newest.some((format) => format.name === name)) {
      const known = newest.map((format) => format.name).join(', ');
      throw new UserError('NOT_FOUND', `operator ${operatorUid} has no keyed state ${name}, found ${known || 'none'}`);
    }
    return spec.toDescriptor(name);
  });
}

/** The last format of each state. */
export function newestFormats(formats: readonly StateFormat[]): StateFormat[] {
  return [...new Map(formats.map((format) => [format.name, format])).values()];
}

/** A state as its stored format describes it, to be read without the job. */
export function descriptorOfFormat(format: StateFormat): StateDescriptor {
  const { name, kind, isNamespaced, hasTtl, ttlTimeDomain = 'processingTime' } = format;
  const base = {
    name,
    isNamespaced,
    schema: parseAvroSchema(format.schema),
    ttl: hasTtl ? { timeToLiveMs: Infinity, timeDomain: ttlTimeDomain } : undefined,
  };
  switch (kind) {
    case 'map':
      return { ...base, kind, keySchema: parseAvroSchema(format.keySchema!) };
    case 'reducing':
      return { ...base, kind, reduce: (_, value) => value };
    case 'aggregating':
      return {
        ...base,
        kind,
        createAccumulator: () => undefined,
        add: (accumulator) => accumulator,
        getResult: (accumulator) => accumulator,
        merge: (_, b) => b,
      };
    default:
      return { ...base, kind };
  }
}
