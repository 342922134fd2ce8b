import { UserError } from '../../engine/base/errors.ts';
import { keyTypeOfTag } from './key-image.ts';
import type { Key } from './key.ts';

/** Keys looked at before they are judged: a job may have keys of several types, and some of them are rare. */
const KEYS_MIN = 100;

/**
 * Notices when a job's keys are of another type than those of the state it was restored from: everything would be there and
 * nothing would be found. What a key selector returns is known only from records, so the first ones decide.
 */
export class KeyTypes {
  readonly #operatorUid: string;
  readonly #stored = new Set<string>();
  #lastTag = 0;
  #strangeCount = 0;

  constructor(operatorUid: string) {
    this.#operatorUid = operatorUid;
  }

  /** Whether the next batch is to be looked at. */
  get isPending(): boolean {
    return this.#stored.size > 0;
  }

  /** @param tag first byte of a restored key. */
  note(tag: number): void {
    if (tag === this.#lastTag) return;
    this.#lastTag = tag;
    this.#stored.add(keyTypeOfTag(tag));
  }

  /** @throws UserError STATE_INCOMPATIBLE when none of the keys so far is of a stored type, and they are enough to tell. */
  check(keys: readonly Key[], from: number, to: number): void {
    for (let i = from; i < to && this.#strangeCount < KEYS_MIN; i++, this.#strangeCount++) {
      if (!this.#stored.has(typeof keys[i])) continue;
      this.#stored.clear();
      return;
    }
    if (this.#strangeCount < KEYS_MIN) return;
    const stored = [...this.#stored].join(' and ');
    throw new UserError(
      'STATE_INCOMPATIBLE',
      `operator ${this.#operatorUid}: its stored keys are of type ${stored}, the job's are of type ${typeof keys[from]}`,
      {
        hint: 'Keys never evolve: let the key selector return what it did before, or write the state anew under the new keys (SavepointWriter).',
      },
    );
  }
}
