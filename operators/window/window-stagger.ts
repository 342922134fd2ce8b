import type { WindowAssignerContext } from './window-assigner.ts';

/**
 * Shifts the windows of a subtask, so that not all fire at once: `aligned` not at all, `natural` by the processing time of
 * the first record modulo the size, `random` by chance.
 */
export type WindowStagger = 'aligned' | 'natural' | 'random';

/** @returns milliseconds in [0, sizeMs). */
export function staggerOffsetMs(stagger: WindowStagger, sizeMs: number, context: WindowAssignerContext): number {
  switch (stagger) {
    case 'aligned':
      return 0;
    case 'natural': {
      const remainder = context.currentProcessingTimeMs() % sizeMs;
      return remainder < 0 ? remainder + sizeMs : remainder;
    }
    case 'random':
      return Math.floor(context.random() * sizeMs);
  }
}
