import type { OpenFile } from '../../engine/base/file-system.ts';

/**
 * Named immutable blobs with conditional puts: what checkpoints, the lake and staged sink data are written to.
 * Implemented by a directory, by S3 and, for virtual runs, by a directory in memory; one conformance suite for all.
 *
 * Keys are `/`-separated relative paths. All methods throw `ExternalError` (CONNECTION, STORAGE, STORAGE_FULL, NOT_FOUND)
 * naming the object, and retry transient faults of the server themselves.
 */
export interface ObjectStorage {
  /** For messages: `directory ./data`, `s3://lake/raw`. */
  readonly description: string;
  /** The address of an object for people and for other programs: `/path/key`, `s3://bucket/prefix/key`. */
  url(key: string): string;
  /** The object, or undefined when there is none. */
  get(key: string): Promise<StoredObject | undefined>;
  /** Bytes [offset, offset + length) of an object; fewer at its end. Throws NOT_FOUND for a missing object. */
  getRange(key: string, offset: number, length: number): Promise<Uint8Array>;
  /** An object that is a file of its own, to be read piece by piece; undefined when it is not. Throws NOT_FOUND. */
  openFile?(key: string): Promise<OpenFile | undefined>;
  /**
   * Stores an object durably and atomically: a reader sees the old object or the new one, whole.
   *
   * @returns the new etag.
   * @throws PreconditionFailedError when `condition` does not hold.
   */
  put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<string>;
  /** Removes objects; missing ones are no error. */
  delete(keys: readonly string[]): Promise<void>;
  /** All objects whose key starts with `prefix`, sorted by key. Never used to find the newest checkpoint. */
  list(prefix: string): Promise<ObjectEntry[]>;
}

/** `ifAbsent`: the object must not exist (`If-None-Match: *`). `ifMatch`: it must still have this etag (`If-Match`). */
export type PutCondition = { readonly ifAbsent: true } | { readonly ifMatch: string };

export interface StoredObject {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

export interface ObjectEntry {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedAtMs: number;
}
