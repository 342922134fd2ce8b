import { S3ServiceException } from '@aws-sdk/client-s3';
import { ExternalError, TidemarkError } from '../../engine/base/errors.ts';

/** The HTTP status that the server answered with, or undefined when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/** Whether the same request may succeed in a moment: no answer, overload, a fault of the server, a conflicting write. */
export function isTransient(error: unknown): boolean {
  if (error instanceof TidemarkError) return error instanceof ExternalError && error.retryable;
  if ((error as Error).name === 'CredentialsProviderError') return false;
  const status = statusOf(error);
  if (status === undefined) return true;
  return (
    status >= 500 || status === 429 || status === 408 || status === 409 || (error as Error).name === 'RequestTimeout'
  );
}

/** Says which object it was and what to do. */
export function translateS3Error(error: unknown, verb: string, url: string, bucket: string): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const cause = error as Error;
  const status = statusOf(error);
  const what = `could not ${verb} ${url}: ${cause.name}${cause.message === '' ? '' : `: ${cause.message}`}`;
  if (cause.name === 'NoSuchBucket') {
    return new ExternalError('NOT_FOUND', `no such bucket: ${bucket} (${url})`, {
      cause,
      retryable: false,
      hint: `Create the bucket ${bucket}, or correct the address; endpoint and region decide where it is looked for.`,
    });
  }
  if (status === 404) return new ExternalError('NOT_FOUND', `no such object: ${url}`, { cause, retryable: false });
  if (status === 401 || status === 403 || cause.name === 'CredentialsProviderError') {
    return new ExternalError('STORAGE', what, {
      cause,
      retryable: false,
      hint: `Check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or the role of the machine) and that they allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on ${bucket}.`,
    });
  }
  if (status === 301 || cause.name === 'PermanentRedirect' || cause.name === 'AuthorizationHeaderMalformed') {
    return new ExternalError('STORAGE', what, {
      cause,
      retryable: false,
      hint: `The bucket ${bucket} lies in another region: set AWS_REGION.`,
    });
  }
  if (status === 507 || cause.name === 'QuotaExceeded') return new ExternalError('STORAGE_FULL', what, { cause });
  if (status === undefined) {
    return new ExternalError('CONNECTION', what, {
      cause,
      hint: 'Check the endpoint (AWS_ENDPOINT_URL_S3) and the network.',
    });
  }
  return new ExternalError('STORAGE', what, { cause, retryable: isTransient(error) });
}
