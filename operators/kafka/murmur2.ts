const SEED = 0x9747b28c | 0;
const M = 0x5bd1e995;

/** Java's `Utils.murmur2` of a record key, as a signed 32-bit number. */
export function murmur2(bytes: Uint8Array, start: number = 0, end: number = bytes.length): number {
  const length = end - start;
  let hash = SEED ^ length;
  let at = start;
  for (const wordsEnd = start + (length & ~3); at < wordsEnd; at += 4) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    k = Math.imul(k, M);
    k = Math.imul(k ^ (k >>> 24), M);
    hash = Math.imul(hash, M) ^ k;
  }
  const rest = end - at;
  if (rest === 3) hash ^= bytes[at + 2]! << 16;
  if (rest >= 2) hash ^= bytes[at + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[at]!, M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

/** The partition that Kafka's default partitioner chooses for a key: the same as that of Java clients. */
export function partitionOfKey(
  partitionCount: number,
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
): number {
  return (murmur2(bytes, start, end) & 0x7fff_ffff) % partitionCount;
}
