/** Who has to act: the user of the job, the outside world (may heal by itself), or we. */
export type ErrorDomain = 'user' | 'external' | 'internal';

/** Every error code with what it means; the documents list exactly these. */
export const ERROR_CODES = {
  INTERNAL: 'an invariant of the engine does not hold: a bug of ours',
  CONFIGURATION: 'an option, parameter or environment variable has a wrong value',
  JOB_DEFINITION: 'the job as written cannot run: missing uid, wrong wiring, unknown state',
  JOB_NOT_FOUND: 'the job module cannot be loaded or exports no job',
  STATE_INCOMPATIBLE: 'stored state does not fit the job: other job, other schema, other max parallelism',
  CHECKPOINT_CORRUPT: 'a checkpoint file is torn, missing or fails its checksum',
  CHECKPOINT_FAILED: 'a checkpoint could not be completed',
  OWNERSHIP_LOST: 'another attempt of the job owns the checkpoint chain now; this one steps down',
  STORAGE: 'an object or file could not be read or written',
  STORAGE_FULL: 'the disk or quota is full',
  PRECONDITION_FAILED: 'a conditional put lost: the object exists or has changed',
  NOT_FOUND: 'an object, file, topic or table does not exist',
  TIMEOUT: 'an answer did not come in time',
  CONNECTION: 'a server cannot be reached',
  TOPIC_MISSING: 'a Kafka topic does not exist',
  OFFSET_OUT_OF_RANGE: 'a stored Kafka offset lies outside of what the broker still has',
  TRANSACTION_OUTCOME_UNKNOWN: 'a transaction may or may not have been committed',
  FENCED: 'a newer producer with the same transactional id has taken over',
  WAREHOUSE: 'the warehouse refused a statement',
  LOOKUP: 'a look-up table refused a request, or answered what cannot be read',
  SCHEMA: 'a schema is invalid or two schemas do not resolve',
  SCHEMA_UNKNOWN: 'a schema id is not in the registry',
  RECORD: 'a record cannot be decoded or does not fit its schema',
  STATE_CLOSED: 'state was used after it was closed',
  CANCELED: 'the operation was canceled',
  USER_FUNCTION: 'a function of the job threw',
  WORKER_LOST: 'a worker thread of the job ended without being asked to',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface ErrorOptionsWithHint {
  readonly cause?: unknown;
  /** What the reader can do about it, as a full sentence. */
  readonly hint?: string | undefined;
}

/**
 * Root of all errors of the project. Messages say what was expected, what was found and where; `hint` says what to do.
 * `retryable` errors may succeed when the same thing is tried again.
 */
export abstract class TidemarkError extends Error {
  abstract readonly code: ErrorCode;
  abstract readonly domain: ErrorDomain;
  readonly retryable: boolean = false;
  readonly hint: string | undefined;

  constructor(message: string, options: ErrorOptionsWithHint = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** A bug of ours. */
export class InternalError extends TidemarkError {
  readonly code = 'INTERNAL';
  readonly domain = 'internal';
}

/** Something the user wrote or configured is wrong; `code` tells what. Never retried. */
export class UserError extends TidemarkError {
  readonly code: ErrorCode;
  readonly domain = 'user';

  constructor(code: ErrorCode, message: string, options: ErrorOptionsWithHint = {}) {
    super(message, options);
    this.code = code;
  }
}

/** A server, disk or network failed. Retryable unless said otherwise. */
export class ExternalError extends TidemarkError {
  readonly code: ErrorCode;
  readonly domain = 'external';
  override readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: ErrorOptionsWithHint & { readonly retryable?: boolean } = {}) {
    super(message, options);
    this.code = code;
    this.retryable = options.retryable ?? true;
  }
}

/** Stored bytes are torn or fail their checksum. Recovery falls back to the checkpoint before. */
export class CheckpointCorruptError extends TidemarkError {
  readonly code = 'CHECKPOINT_CORRUPT';
  readonly domain = 'external';
}

/** Another attempt owns the checkpoint chain. The attempt that sees this must stop at once and commit nothing more. */
export class OwnershipLostError extends TidemarkError {
  readonly code = 'OWNERSHIP_LOST';
  readonly domain = 'external';
}

/** A conditional put lost against another writer. */
export class PreconditionFailedError extends TidemarkError {
  readonly code = 'PRECONDITION_FAILED';
  readonly domain = 'external';
}

/** A record that does not fit: the caller decides between quarantine and failure. */
export class RecordError extends TidemarkError {
  readonly code = 'RECORD';
  readonly domain = 'user';
}

/** One line per error for people: message and code, then what caused it, unless that is said already, and what to do. */
export function describeError(error: unknown): string {
  const lines: string[] = [];
  let current: unknown = error;
  let depth = 0;
  let said = '';
  while (current !== undefined && current !== null && depth < 5) {
    const prefix = depth === 0 ? '' : 'caused by: ';
    const message = current instanceof Error ? current.message : String(current);
    if (depth === 0 || !said.includes(message)) {
      lines.push(`${prefix}${message}${current instanceof TidemarkError ? ` [${current.code}]` : ''}`);
      said += `${message}\n`;
    }
    const hint = current instanceof TidemarkError ? current.hint : undefined;
    if (hint !== undefined && !said.includes(hint)) {
      lines.push(`hint: ${hint}`);
      said += `${hint}\n`;
    }
    current = current instanceof Error ? current.cause : undefined;
    depth++;
  }
  return lines.join('\n');
}
