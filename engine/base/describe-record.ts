import { inspect } from 'node:util';

const CHARACTERS_MAX = 200;

/** A record in an error message: its first 200 characters as JSON. */
export function describeRecord(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, CHARACTERS_MAX);
  } catch {
    // Cyclic, or with a bigint.
    return inspect(value).slice(0, CHARACTERS_MAX);
  }
}
