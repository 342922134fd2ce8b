const DAY_MS = 86_400_000;
/** Characters of `2023-11-14`. */
export const DAY_LENGTH = 10;

let lastDay = Number.NaN;
let lastDayText = '';

/** `2023-11-14` of a time in UTC. */
export function dayOf(timeMs: number): string {
  const day = Math.floor(timeMs / DAY_MS);
  if (day !== lastDay) {
    lastDayText = new Date(timeMs).toISOString().slice(0, 10);
    lastDay = day;
  }
  return lastDayText;
}

/** `22:13` of a time in UTC. */
export function minuteOf(timeMs: number): string {
  const minutes = Math.floor(timeMs / 60_000) % 1440;
  return `${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}`;
}

/** Hour of the day in UTC, 0 to 23. */
export function hourOf(timeMs: number): number {
  return Math.floor(timeMs / 3_600_000) % 24;
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
