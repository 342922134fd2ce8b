import { ExternalError, TidemarkError, UserError } from '../../../engine/base/errors.ts';

/** What `pg` threw, as an error that says who has to do what. */
export function translateLookupError(error: unknown, description: string): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const { message, code = '' } = error as Error & { readonly code?: string };
  const text = `${description}: ${message}`;
  const isServerError = /^[0-9A-Z]{5}$/.test(code);
  if (!isServerError || /^(08|57P|53300)/.test(code)) {
    return new ExternalError('CONNECTION', text, {
      cause: error,
      hint: 'Is the server running, and reachable from here? The job goes on when it answers again.',
    });
  }
  if (code === '57014')
    return new ExternalError('TIMEOUT', text, { cause: error, hint: 'An index on the key column may help.' });
  if (/^(28|3D)/.test(code)) {
    return new UserError('CONFIGURATION', text, { cause: error, hint: 'Check user, password and database.' });
  }
  if (/^(42|22)/.test(code)) {
    return new UserError('LOOKUP', text, {
      cause: error,
      hint: 'Check the table, the columns and that the keys of the job fit the type of the key column.',
    });
  }
  return new ExternalError('LOOKUP', text, { cause: error, retryable: /^(40|53|57)/.test(code) });
}
