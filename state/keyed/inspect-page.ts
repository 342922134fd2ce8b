import { ContentConverter } from '../offline/contents.ts';
import type { Page, PageCursor } from './page.ts';
import type { StateDescriptor } from './state.ts';

/**
 * What a state holds on a page, as plain values (see `ContentsOf`), without touching it: nothing is refreshed, and what has
 * expired is left out. Undefined when there is nothing.
 */
export function inspectPage(page: Page, index: number, descriptor: StateDescriptor, cursor: PageCursor): unknown {
  const slot = page.slots[index];
  if (slot === undefined) return undefined;
  const { ttl } = descriptor;
  if (ttl === undefined) return new ContentConverter(descriptor).read(slot);
  const clock = ttl.timeDomain === 'eventTime' ? cursor.eventClock : cursor.processingClock;
  const isAlive = (timestampMs: number): boolean => !clock.isExpired(timestampMs, ttl.timeToLiveMs);
  return new ContentConverter(descriptor, isAlive).read(slot);
}
