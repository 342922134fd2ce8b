import { fileURLToPath } from 'node:url';
import type { Environment } from '../../engine/base/environment.ts';
import { UserError } from '../../engine/base/errors.ts';
import { DirectoryStorage } from './directory-storage.ts';
import type { ObjectStorage } from './object-storage.ts';

export interface StorageOptions {
  /** Address of an S3-compatible server. Default: variable AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, else AWS itself. */
  readonly endpoint?: string | undefined;
  /** Default: variable AWS_REGION or AWS_DEFAULT_REGION, else us-east-1. */
  readonly region?: string | undefined;
  /** Default: the AWS credential chain (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY first). */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  /** `https://host/bucket/key` instead of `https://bucket.host/key`. Default: true when an endpoint is given. */
  readonly forcePathStyle?: boolean | undefined;
}

/**
 * The storage at an address: `s3://bucket/prefix`, `file:///path`, or a path. The S3 client is loaded only when it is used.
 *
 * @throws UserError CONFIGURATION for an address of another kind.
 */
export async function openStorage(
  environment: Environment,
  url: string,
  options: StorageOptions = {},
): Promise<ObjectStorage> {
  if (url.startsWith('s3://')) {
    const { S3Storage } = await import('./s3-storage.ts');
    return S3Storage.open(environment, url, options);
  }
  if (url.startsWith('file:')) return new DirectoryStorage(environment, filePath(url));
  if (url === '' || /^[A-Za-z][A-Za-z0-9+.-]+:\/\//.test(url)) {
    throw new UserError(
      'CONFIGURATION',
      `storage address: expected s3://bucket/prefix, file:///path or a path, found ${JSON.stringify(url)}`,
    );
  }
  return new DirectoryStorage(environment, url);
}

function filePath(url: string): string {
  if (!url.startsWith('file://')) return url.slice('file:'.length);
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new UserError('CONFIGURATION', `storage address: expected file:///path, found ${url}`, { cause: error });
  }
}
