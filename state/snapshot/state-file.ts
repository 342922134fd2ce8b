/**
 * A file of keyed state in checkpoint storage: pages sorted by key group and key, immutable, checksummed. As it stands
 * in the manifest. Files of one list apply in order: a later page replaces an earlier one, a tombstone removes it.
 */
export interface StateFile {
  /** Key in checkpoint storage. */
  readonly key: string;
  readonly bytes: number;
  /** CRC-32 of the whole file. */
  readonly checksum: number;
  /** A base needs no earlier file; a delta holds what changed since the file before it. */
  readonly kind: 'base' | 'delta';
  readonly pageCount: number;
  /** Half-open range of key groups it speaks for; a file shared after a rescale is listed with a narrower one. */
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  /**
   * Keyed states that a job since has no longer declared. What the file holds of them is gone, also when a later job has a
   * state of that name. Default: none.
   */
  readonly droppedStates?: readonly string[] | undefined;
}
