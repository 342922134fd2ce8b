import { ByteWriter } from '../../engine/base/bytes.ts';
import { RecordError, UserError } from '../../engine/base/errors.ts';
import { hashOfBytes, KeyImage, TAG_PART } from '../keyed/key-image.ts';
import { PageCodec } from '../keyed/page-codec.ts';
import { readPartOwner } from '../keyed/page-parts.ts';
import { Page } from '../keyed/page.ts';
import { openStateFiles } from '../keyed/restore-pages.ts';
import { readKey } from '../keyed/key-image.ts';
import type { StateDescriptor } from '../keyed/state.ts';
import { expirySlackMs } from '../keyed/ttl-clock.ts';
import type { StateFile } from '../snapshot/state-file.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import { ContentConverter } from './contents.ts';
import type { KeyedEntry } from './keyed-entry.ts';
import { SortedPages } from './sorted-pages.ts';

export interface KeyedWriteOptions {
  readonly operatorUid: string;
  readonly maxParallelism: number;
  readonly storage: ObjectStorage;
  /** Key prefix of the files. */
  readonly stem: string;
  /** Bytes of pages held in memory. Default 64 MiB. */
  readonly sortBytesMax?: number | undefined;
}

/**
 * Writes entries, in any order, as state files that hold all of them. Of entries with the same key the last one counts.
 *
 * @throws UserError SCHEMA naming key, state and field when a value does not fit its schema.
 */
export async function writeKeyedEntries(
  entries: AsyncIterable<KeyedEntry> | Iterable<KeyedEntry>,
  descriptors: readonly StateDescriptor[],
  options: KeyedWriteOptions,
): Promise<StateFile[]> {
  const { operatorUid, maxParallelism, storage, stem, sortBytesMax } = options;
  const codec = new PageCodec(operatorUid);
  for (const descriptor of descriptors) codec.declare(descriptor);
  // The getter fixes the format that pages are written in.
  void codec.currentFormat;
  const formats = (): typeof codec.formats => codec.formats;
  const sorted = new SortedPages({ storage, stem, operatorUid, maxParallelism, formats, bytesMax: sortBytesMax });
  const encoder = new EntryEncoder(codec, descriptors, operatorUid);
  for await (const entry of entries) {
    const { image, page } = encoder.encode(entry);
    const key = Buffer.from(image.buffer.subarray(0, image.length));
    const written = sorted.add(image.groupHash % maxParallelism, image.hash, key, page);
    if (written !== undefined) await written;
  }
  return await sorted.finish();
}

/** Writes the pages of state files anew under another max parallelism, so in other key groups, without decoding them. */
export async function rehashFiles(
  fileLists: readonly (readonly StateFile[])[],
  from: { readonly storage: ObjectStorage; readonly maxParallelism: number },
  options: KeyedWriteOptions,
): Promise<StateFile[]> {
  const { operatorUid, maxParallelism, storage, stem, sortBytesMax } = options;
  // Collects the formats of all files.
  const codec = new PageCodec(operatorUid);
  const formats = (): typeof codec.formats => codec.formats;
  const sorted = new SortedPages({ storage, stem, operatorUid, maxParallelism, formats, bytesMax: sortBytesMax });
  const runs = [];
  // All headers are read first: a file that is written lists all formats.
  for (const files of fileLists) runs.push(await openStateFiles(files, { operatorUid, ...from, codec }));
  const image = new KeyImage();
  for (const run of runs) {
    do {
      while (run.next()) {
        if (run.pageLength === 0) continue;
        const { buffer, keyOffset, keyLength, pageOffset, pageLength } = run;
        const isPart = buffer[keyOffset] === TAG_PART;
        image.set(isPart ? readPartOwner(buffer, keyOffset, keyLength) : readKey(buffer, keyOffset, keyLength));
        const key = Buffer.from(buffer.subarray(keyOffset, keyOffset + keyLength));
        const page = Buffer.from(buffer.subarray(pageOffset, pageOffset + pageLength));
        page[0] = run.format;
        const hash = isPart ? hashOfBytes(key, 0, key.length) : image.hash;
        const written = sorted.add(image.groupHash % maxParallelism, hash, key, page);
        if (written !== undefined) await written;
      }
    } while (await run.load());
  }
  return await sorted.finish();
}

const NO_PAGE = Buffer.alloc(0);

class EntryEncoder {
  readonly #codec: PageCodec;
  readonly #descriptors: readonly StateDescriptor[];
  readonly #converters: readonly ContentConverter[];
  readonly #operatorUid: string;
  readonly #image: KeyImage = new KeyImage();
  readonly #writer: ByteWriter = new ByteWriter(1024);

  constructor(codec: PageCodec, descriptors: readonly StateDescriptor[], operatorUid: string) {
    this.#codec = codec;
    this.#descriptors = descriptors;
    this.#converters = descriptors.map((descriptor) => new ContentConverter(descriptor));
    this.#operatorUid = operatorUid;
  }

  /** The page is empty for a key that has nothing. The image holds until the next call. */
  encode(entry: KeyedEntry): { readonly image: KeyImage; readonly page: Buffer } {
    this.#image.set(entry.key);
    const page = new Page(this.#descriptors.map(() => undefined));
    page.key = entry.key;
    this.#fillSlots(page, entry);
    for (const { timeDomain, namespace, timestampMs } of entry.timers ?? []) {
      const timers = page.ownTimers(timeDomain === 'eventTime');
      timers.add(namespace, timestampMs);
      timers.indexedAtMs = timers.firstMs;
    }
    if (page.isEmpty) return { image: this.#image, page: NO_PAGE };
    this.#writer.clear();
    try {
      this.#codec.write(this.#writer, page);
    } catch (error) {
      throw this.#misfit(entry, error);
    }
    return { image: this.#image, page: this.#writer.copy() };
  }

  #fillSlots(page: Page, { key, state, writtenAt }: KeyedEntry): void {
    for (const name of Object.keys(state)) {
      if (this.#descriptors.some((descriptor) => descriptor.name === name)) continue;
      const known = this.#descriptors.map((descriptor) => descriptor.name).join(', ') || 'none';
      throw new UserError(
        'SCHEMA',
        `operator ${this.#operatorUid}, key ${JSON.stringify(String(key))}: there is no state ${name}, declared are ${known}`,
      );
    }
    this.#descriptors.forEach(({ name, ttl }, index) => {
      const contents = (state as Readonly<Record<string, unknown>>)[name];
      const slot = this.#converters[index]!.write(contents, writtenAt?.[name]);
      page.slots[index] = slot;
      if (slot === undefined || ttl === undefined) return;
      const { timeToLiveMs, timeDomain } = ttl;
      const expiryMs = Math.ceil(
        this.#codec.codecs[index]!.firstStampMs(slot) + timeToLiveMs + expirySlackMs(timeToLiveMs),
      );
      if (timeDomain === 'eventTime') page.eventExpiryAtMs = Math.min(page.eventExpiryAtMs, expiryMs);
      else page.processingExpiryAtMs = Math.min(page.processingExpiryAtMs, expiryMs);
    });
  }

  #misfit(entry: KeyedEntry, error: unknown): unknown {
    if (!(error instanceof RecordError)) return error;
    const key = JSON.stringify(String(entry.key));
    return new UserError('SCHEMA', `operator ${this.#operatorUid}, key ${key}: ${error.message}`, { cause: error });
  }
}
