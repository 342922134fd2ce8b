import { type ErrorCode, type ErrorDomain, TidemarkError } from '../base/errors.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';

/** What failed inside a task, with the place added once: which operators, which subtask, which key. */
export class TaskError extends TidemarkError {
  readonly code: ErrorCode;
  readonly domain: ErrorDomain;
  override readonly retryable: boolean;

  constructor(taskName: string, subtaskIndex: number, keyedState: KeyedStateBackend | undefined, cause: unknown) {
    const key = currentKeyOf(keyedState);
    const atKey = key === undefined ? '' : `, key ${JSON.stringify(typeof key === 'bigint' ? key.toString() : key)}`;
    super(`task '${taskName}', subtask ${subtaskIndex}${atKey} failed`, { cause });
    this.code = cause instanceof TidemarkError ? cause.code : 'USER_FUNCTION';
    this.domain = cause instanceof TidemarkError ? cause.domain : 'user';
    // A user function may have met a passing fault, so it is tried again; a wrong definition stays wrong.
    this.retryable = !(cause instanceof TidemarkError) || cause.domain !== 'user';
  }
}

function currentKeyOf(keyedState: KeyedStateBackend | undefined): Key | undefined {
  try {
    return keyedState?.currentKey();
  } catch {
    return undefined;
  }
}
