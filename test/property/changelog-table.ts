import { expect } from 'vitest';
import type { RecordElement } from '../harness/operators/stream-elements.ts';

/** The table that a changelog makes, by key; every row must say what the table has. */
export class ChangelogTable<R> {
  readonly rows = new Map<string, R>();
  readonly #keyOf: (row: R) => string;
  readonly #isUpsert: boolean;
  /** Keys whose old value was taken back and whose new one is still to come. */
  readonly #open = new Set<string>();

  constructor(keyOf: (row: R) => string, isUpsert: boolean) {
    this.#keyOf = keyOf;
    this.#isUpsert = isUpsert;
  }

  /** @returns how often each key changed. */
  apply(records: readonly RecordElement<R>[]): Map<string, number> {
    const changes = new Map<string, number>();
    for (const { value, kind } of records) {
      const key = this.#keyOf(value);
      if (kind !== '-U') changes.set(key, (changes.get(key) ?? 0) + 1);
      if (kind === '+I') expect(this.rows.has(key)).toBe(false);
      else if (kind === '-U' || kind === '-D') expect(this.rows.get(key)).toEqual(value);
      else expect(this.#isUpsert ? this.rows.has(key) : this.#open.delete(key)).toBe(true);
      if (kind === '-U') {
        expect(this.#isUpsert).toBe(false);
        this.#open.add(key);
        this.rows.delete(key);
      } else if (kind === '-D') this.rows.delete(key);
      else this.rows.set(key, value);
    }
    expect(this.#open.size).toBe(0);
    return changes;
  }
}
