import { UserError } from '../../engine/base/errors.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { WindowedStream } from '../windowed-stream.ts';
import { CountTrigger } from './count-trigger.ts';
import { countEvictor } from './evictor.ts';
import { PurgingTrigger } from './purging-trigger.ts';
import type { GlobalWindow } from './window.ts';

/**
 * Windows by number of records, out of the one window that holds everything.
 *
 * @param slide undefined: every `size` records make a window. Else a window ends after every `slide` records and holds the
 * last `size` ones, fewer at first.
 */
export function cutByCount<T, K extends Key>(
  windowed: WindowedStream<T, K, GlobalWindow>,
  size: number,
  slide: number | undefined,
): WindowedStream<T, K, GlobalWindow> {
  if (!(Number.isInteger(size) && size >= 1 && Number.isInteger(slide ?? 1) && (slide ?? 1) >= 1)) {
    throw new UserError(
      'JOB_DEFINITION',
      `a window by count needs a size and a slide of one record or more, found ${size}${slide === undefined ? '' : ` and ${slide}`}`,
    );
  }
  return slide === undefined
    ? windowed.trigger(PurgingTrigger.of(CountTrigger.of(size)))
    : windowed.trigger(CountTrigger.of(slide)).evictor(countEvictor(size));
}
