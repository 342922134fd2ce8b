import type { Key } from '../../state/keyed/key.ts';
import { describeRecord } from '../base/describe-record.ts';
import { UserError } from '../base/errors.ts';

/** The key of a record. @throws UserError JOB_DEFINITION when the selector gave none. */
export function checkedKey(key: Key, value: unknown, targetName: string): Key {
  if (key !== undefined && key !== null) return key;
  throw new UserError(
    'JOB_DEFINITION',
    `the key selector before '${targetName}' returned ${String(key)} for the record ${describeRecord(value)}`,
    { hint: 'Filter such records out before keyBy, or give them a key of their own.' },
  );
}
