/** State is removed up to this share of its life after its time, so that many keys are cleaned in one sweep. */
const SLACK = 1 / 64;
const GRAIN_MIN_MS = 1_000;

/** When state that must live until the watermark reaches `untilMs` is removed: at or after it, on a coarse grid. */
export function expiryTimer(untilMs: number, lifeMs: number): number {
  const grainMs = Math.max(GRAIN_MIN_MS, Math.floor(lifeMs * SLACK));
  return Math.ceil(untilMs / grainMs) * grainMs;
}

/** What a timer leaves of a page. */
export type PageFate = 'unchanged' | 'changed' | 'done';
