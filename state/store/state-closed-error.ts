import { TidemarkError } from '../../engine/base/errors.ts';

/** State was used after it was closed. */
export class StateClosedError extends TidemarkError {
  readonly code = 'STATE_CLOSED';
  readonly domain = 'internal';

  constructor(what: string) {
    super(`the ${what} is closed`);
  }
}
