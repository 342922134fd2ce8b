import type { Key } from '../../../state/keyed/key.ts';
import { record } from '../../../state/schema/record.ts';
import { long, string } from '../../../state/schema/scalars.ts';

export const Event = record('Event', { id: string(), user: long(), at: long() });

export interface EventValue {
  readonly id: string;
  readonly user: number;
  readonly at: number;
}

export const thousandKeys = (_i: number, random: () => number): Key => Math.floor(random() * 1000);

/** As Nexmark's bids: half on the hot auction of a hundred, the rest on the last hundred. */
export const auctionOf = (i: number, random: () => number): Key => {
  const last = Math.floor((i * 3) / 46);
  return random() < 0.5 ? Math.floor(last / 100) * 100 : Math.max(0, last - Math.floor(random() * 100));
};

/** As Nexmark's bidders: most are the hot one of the moment. */
export const bidderOf = (i: number, random: () => number): Key =>
  random() < 0.75 ? Math.floor(i / 5000) * 100 : Math.floor(i / 50) + Math.floor(random() * 1000);

/** One impression per key; one in twenty is followed by its click, up to a hundred records later. */
export const isClick = (i: number): boolean => i % 20 === 19;
export const impressionOf = (i: number, random: () => number): Key =>
  `imp-${isClick(i) ? Math.max(0, i - 1 - Math.floor(random() * 100)) : i}`;
