import { UserError } from '../../engine/base/errors.ts';

export function mergeRefused(name: string, kind: string): UserError {
  return new UserError('JOB_DEFINITION', `state ${name}: a ${kind} state cannot be merged`, {
    hint: 'Merging windows need list, reducing or aggregating state.',
  });
}
