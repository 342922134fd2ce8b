import { compositeKey } from '../../../state/keyed/key-group.ts';

/** Two numbers below it fit into one exact number. */
const LIMIT = 2 ** 26;

/**
 * One key of two ids: a number where both are small enough, which costs half of what a text does
 * (`npm run bench -- nexmark q18`: 1.6x), else a text. Different pairs give different keys.
 */
export function pairKey(first: number, second: number): number | string {
  const fits = first >= 0 && first < LIMIT && second >= 0 && second < LIMIT;
  return fits ? first * LIMIT + second : compositeKey(first, second);
}
