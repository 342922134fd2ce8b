import type { TimeForm } from '../world/timing.ts';

const TWO: readonly string[] = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0'));
const THREE: readonly string[] = Array.from({ length: 1000 }, (_, i) => String(i).padStart(3, '0'));
const DAY_MS = 86_400_000;
/** The zone of sources that write local time. */
const OFFSET_MS = 2 * 3_600_000;

let cachedDay = NaN;
let cachedDate = '';

/** A moment as ISO-8601 with an offset, or as a number, without quotes. */
export function timestampText(timeMs: number, form: TimeForm): string {
  switch (form) {
    case 'utc':
      return `${localText(timeMs)}Z`;
    case 'offset':
      return `${localText(timeMs + OFFSET_MS)}+02:00`;
    case 'millis':
      return String(timeMs);
    case 'seconds':
      return String(timeMs / 1000);
  }
}

/** `2026-01-31T23:59:59.999`. */
function localText(timeMs: number): string {
  const day = Math.floor(timeMs / DAY_MS);
  if (day !== cachedDay) {
    cachedDate = new Date(timeMs).toISOString().slice(0, 11);
    cachedDay = day;
  }
  const ofDay = timeMs - day * DAY_MS;
  const second = Math.floor(ofDay / 1000);
  const minute = Math.floor(second / 60);
  return `${cachedDate}${TWO[Math.floor(minute / 60)]}:${TWO[minute % 60]}:${TWO[second % 60]}.${THREE[ofDay % 1000]}`;
}
