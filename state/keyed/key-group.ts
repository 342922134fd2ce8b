import { assert } from '../../engine/base/assert.ts';
import { UserError } from '../../engine/base/errors.ts';
import type { Key } from './key.ts';

/** More key groups than this overflow Flink's 32-bit arithmetic; we keep its limit. */
export const MAX_PARALLELISM_MAX = 32_768;

const INT32_MAX = 0x7fff_ffff;
const TWO_POW_32 = 0x1_0000_0000;
const doubles = new Float64Array(1);
const doubleHalves = new Int32Array(doubles.buffer);

/**
 * Java's `hashCode` of the key: String, Integer (int32 numbers), Long (other safe integers, bigint), Double (other
 * numbers), Boolean. A bigint beyond 64 bits hashes by its low 64 bits.
 *
 * @throws UserError JOB_DEFINITION for null, undefined and everything else that is no key.
 */
export function javaHashCode(key: Key): number {
  switch (typeof key) {
    case 'string': {
      let hash = 0;
      for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
      return hash;
    }
    case 'number':
      return numberHashCode(key);
    case 'bigint':
      return Number(BigInt.asIntN(32, key)) ^ Number(BigInt.asIntN(32, key >> 32n));
    case 'boolean':
      return key ? 1231 : 1237;
    default:
      throw new UserError(
        'JOB_DEFINITION',
        `expected a key of type string, number, bigint or boolean, found ${String(key)}`,
        {
          hint: 'Let the key selector return a primitive; join several fields with compositeKey(...).',
        },
      );
  }
}

function numberHashCode(key: number): number {
  if ((key | 0) === key) return key | 0;
  if (Number.isSafeInteger(key)) return ((key % TWO_POW_32) | 0) ^ (Math.floor(key / TWO_POW_32) | 0);
  doubles[0] = key;
  return doubleHalves[0]! ^ doubleHalves[1]!;
}

/** Flink's `MathUtils.murmurHash`: never negative. */
export function murmurHash(code: number): number {
  let hash = Math.imul(code, 0xcc9e2d51);
  hash = (hash << 15) | (hash >>> 17);
  hash = Math.imul(hash, 0x1b873593);
  hash = (hash << 13) | (hash >>> 19);
  hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  hash ^= 4;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  if (hash >= 0) return hash;
  return hash === -INT32_MAX - 1 ? 0 : -hash;
}

/** The key group of a key: an integer in [0, maxParallelism). */
export function keyGroupOf(key: Key, maxParallelism: number): number {
  return murmurHash(javaHashCode(key)) % maxParallelism;
}

/** The subtask that owns a key group. */
export function subtaskOfKeyGroup(keyGroup: number, parallelism: number, maxParallelism: number): number {
  return Math.floor((keyGroup * parallelism) / maxParallelism);
}

/** Half-open range of key groups. */
export interface KeyGroupRange {
  readonly start: number;
  readonly end: number;
}

/** The key groups that subtask `subtaskIndex` of `parallelism` owns: [start, end). */
export function keyGroupRange(subtaskIndex: number, parallelism: number, maxParallelism: number): KeyGroupRange {
  assert(
    subtaskIndex >= 0 && subtaskIndex < parallelism,
    () => `expected a subtask in [0, ${parallelism}), found ${subtaskIndex}`,
  );
  assert(
    parallelism <= maxParallelism && maxParallelism <= MAX_PARALLELISM_MAX,
    () =>
      `expected parallelism <= max parallelism <= ${MAX_PARALLELISM_MAX}, found ${parallelism} and ${maxParallelism}`,
  );
  return {
    start: Math.floor((subtaskIndex * maxParallelism + parallelism - 1) / parallelism),
    end: Math.floor(((subtaskIndex + 1) * maxParallelism - 1) / parallelism) + 1,
  };
}

/** Flink's default: parallelism and a half, rounded up to a power of two, in [128, 32768]. */
export function defaultMaxParallelism(parallelism: number): number {
  const wanted = parallelism + Math.floor(parallelism / 2);
  const rounded = 2 ** Math.ceil(Math.log2(Math.max(1, wanted)));
  return Math.min(Math.max(rounded, 128), MAX_PARALLELISM_MAX);
}

/**
 * One key of several fields. Different lists of parts give different keys, whatever the parts contain; the type of a
 * part counts (`1` is not `'1'`).
 */
export function compositeKey(...parts: readonly Key[]): string {
  let composed = '';
  for (const part of parts) {
    switch (typeof part) {
      case 'string':
        composed += `s${part.length}:${part}`;
        break;
      case 'number':
        composed += `n${part === 0 ? 0 : part};`;
        break;
      case 'bigint':
        composed += `i${part};`;
        break;
      case 'boolean':
        composed += part ? 't;' : 'f;';
        break;
      default:
        throw new UserError(
          'JOB_DEFINITION',
          `expected key parts of type string, number, bigint or boolean, found ${String(part)}`,
        );
    }
  }
  return composed;
}
