import { ExternalError, TidemarkError, UserError } from '../../../engine/base/errors.ts';

interface ServerError extends Error {
  /** SQLSTATE, or Node's code of a socket error. */
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
  readonly column?: string | undefined;
  readonly where?: string | undefined;
}

/** The server took part in the conversation and said no. */
export function isServerError(error: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test((error as ServerError | undefined)?.code ?? '');
}

/** What `pg` threw, as an error that says who has to do what. */
export function translatePostgresError(error: unknown, description: string, doing: string): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const { message, code = '', detail, where } = error as ServerError;
  const said = [message, detail, where?.split('\n')[0]].filter((part) => part !== undefined && part !== '').join('; ');
  const text = `warehouse ${description}: ${doing}: ${said}`;
  if (!isServerError(error) || /^(08|57P0|53300)/.test(code)) {
    return new ExternalError('CONNECTION', text, {
      cause: error,
      hint: 'Is the server running, and reachable from here? The job goes on when it answers again.',
    });
  }
  if (code === '28P01' || code === '28000') {
    return new UserError('CONFIGURATION', text, { cause: error, hint: 'Check user and password of the warehouse.' });
  }
  if (code === '3D000') {
    return new UserError('CONFIGURATION', text, { cause: error, hint: 'Create the database, or name another one.' });
  }
  if (code === '42P01' || code === '3F000') {
    return new UserError('NOT_FOUND', text, {
      cause: error,
      hint: 'Create the table, or let the sink do it: createTable: true.',
    });
  }
  if (code === '42501') {
    return new UserError('WAREHOUSE', text, {
      cause: error,
      hint: 'Grant the user what the statement needs, or create the table yourself.',
    });
  }
  if (code === '53100') {
    return new ExternalError('STORAGE_FULL', text, {
      cause: error,
      hint: 'Make room on the disk of the server; the job then goes on.',
    });
  }
  if (code === '55P03') {
    return new ExternalError('WAREHOUSE', text, {
      cause: error,
      hint: 'Another session holds load_ledger; pg_stat_activity and pg_locks show which. The load is tried again.',
    });
  }
  const isPassing = /^(40|53|57|25P0)/.test(code);
  return new ExternalError('WAREHOUSE', text, { cause: error, retryable: isPassing });
}
