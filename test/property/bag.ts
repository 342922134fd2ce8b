/** A table that a changelog stands for: rows with how often they are in it. Taking back what is not there fails. */
export class Bag<T> {
  readonly #rows: { readonly text: string; readonly value: T; readonly unique: string }[] = [];

  /** @param unique not empty: an insertion replaces the row that has the same. */
  change(value: T, isRetraction: boolean, unique = ''): void {
    const text = JSON.stringify(value);
    if (isRetraction) {
      const at = this.#rows.findIndex((row) => row.text === text);
      if (at < 0) throw new Error(`${text} is taken back but is not there`);
      this.#rows.splice(at, 1);
      return;
    }
    const at = unique === '' ? -1 : this.#rows.findIndex((row) => row.unique === unique);
    if (at >= 0) this.#rows.splice(at, 1);
    this.#rows.push({ text, value, unique });
  }

  values(): T[] {
    return this.#rows.map(({ value }) => value);
  }
}
