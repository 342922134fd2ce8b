import { array } from '../../state/schema/collections.ts';
import { optional } from '../../state/schema/optional.ts';
import { record } from '../../state/schema/record.ts';
import { long } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { firstRowAfter } from './timed-rows.ts';

/** What a versioned table holds for a key from a time on, until the next version. */
export interface Version<T> {
  readonly timestampMs: number;
  /** Undefined: deleted. */
  readonly value: T | undefined;
}

/** How the versions of a key are stored. */
export function versionsSchema<T>(schema: Schema<T>): Schema<Version<T>[]> {
  return array(record('tidemark.Version', { timestampMs: long(), value: optional(schema) })) as unknown as Schema<
    Version<T>[]
  >;
}

/** Inserts into versions sorted by time; one of the same time is replaced. The usual version, the newest, is appended. */
export function putVersion<T>(versions: Version<T>[], version: Version<T>): void {
  const { timestampMs } = version;
  const last = versions.length - 1;
  if (last < 0 || versions[last]!.timestampMs < timestampMs) {
    versions.push(version);
    return;
  }
  const after = firstRowAfter(versions, timestampMs);
  if (after > 0 && versions[after - 1]!.timestampMs === timestampMs) versions[after - 1] = version;
  else versions.splice(after, 0, version);
}

/** The version that is valid at a time; undefined when there is none, or it is deleted. */
export function versionAt<T>(versions: readonly Version<T>[], timestampMs: number): Version<T> | undefined {
  const after = firstRowAfter(versions, timestampMs);
  if (after === 0) return undefined;
  const version = versions[after - 1]!;
  return version.value === undefined ? undefined : version;
}

/**
 * Number of versions, from the oldest, that nobody asks for once only times after `untilMs` are asked for: all before the
 * newest one up to it. That one stays even when it says that there is nothing: an older version may still come.
 */
export function obsoleteVersionCount(versions: readonly Version<unknown>[], untilMs: number): number {
  return Math.max(0, firstRowAfter(versions, untilMs) - 1);
}

/** The earliest time from which on a version is obsolete; Infinity when there is one at most. */
export function nextObsoleteMs(versions: readonly Version<unknown>[]): number {
  return versions.length > 1 ? versions[1]!.timestampMs : Infinity;
}
