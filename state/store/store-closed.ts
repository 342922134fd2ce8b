import { UserError } from '../../engine/base/errors.ts';

export function storeClosed(name: string): UserError {
  return new UserError('STATE_CLOSED', `the ${name} page store was used after it was closed`);
}
