import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { Environment } from '../../engine/base/environment.ts';
import { ExternalError, PreconditionFailedError, UserError } from '../../engine/base/errors.ts';
import type { ObjectEntry, ObjectStorage, PutCondition, StoredObject } from './object-storage.ts';
import { isTransient, statusOf, translateS3Error } from './s3-error.ts';
import { checkKey, compareKeys } from './storage-key.ts';
import type { StorageOptions } from './storage-url.ts';

const ATTEMPTS_MAX = 8;
const RETRY_FIRST_MS = 50;
const RETRY_LONGEST_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** Without a byte in either direction. */
const SOCKET_TIMEOUT_MS = 30_000;
/** Most keys that one DeleteObjects request takes. */
const DELETE_KEYS_MAX = 1_000;

/**
 * Objects in an S3 bucket, or in a server that speaks its language.
 *
 * Every put is one PutObject request, never a multipart upload: only for the former is a condition atomic everywhere.
 * We retry ourselves, because a conditional put that is repeated after a lost answer may find its own object: then the
 * content decides whether it has won.
 */
export class S3Storage implements ObjectStorage {
  readonly description: string;
  readonly #environment: Environment;
  readonly #client: S3Client;
  readonly #bucket: string;
  /** Empty, or ends with a slash. */
  readonly #prefix: string;

  constructor(environment: Environment, client: S3Client, bucket: string, prefix: string) {
    this.#environment = environment;
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.description = `s3://${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}`;
  }

  /** @throws UserError CONFIGURATION when the address names no bucket. */
  static open(environment: Environment, url: string, options: StorageOptions): S3Storage {
    const match = /^s3:\/\/([^/?#]+)\/?(.*)$/.exec(url);
    if (match === null)
      throw new UserError('CONFIGURATION', `storage address: expected s3://bucket/prefix, found ${url}`);
    const prefix = match[2]!.replace(/\/+$/, '');
    return new S3Storage(environment, createClient(environment, options), match[1]!, prefix === '' ? '' : `${prefix}/`);
  }

  url(key: string): string {
    return `s3://${this.#bucket}/${this.#prefix}${key}`;
  }

  async get(key: string): Promise<StoredObject | undefined> {
    checkKey(key);
    return this.#attempt('read', key, async () => {
      try {
        const response = await this.#client.send(
          new GetObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + key }),
        );
        return { bytes: await response.Body!.transformToByteArray(), etag: response.ETag ?? '' };
      } catch (error) {
        if (isNoSuchKey(error)) return undefined;
        throw error;
      }
    });
  }

  async getRange(key: string, offset: number, length: number): Promise<Uint8Array> {
    checkKey(key);
    const target = { Bucket: this.#bucket, Key: this.#prefix + key };
    return this.#attempt('read', key, async () => {
      if (length === 0) {
        await this.#client.send(new HeadObjectCommand(target)); // there is no empty range in HTTP
        return new Uint8Array(0);
      }
      try {
        const response = await this.#client.send(
          new GetObjectCommand({ ...target, Range: `bytes=${offset}-${offset + length - 1}` }),
        );
        return await response.Body!.transformToByteArray();
      } catch (error) {
        if (statusOf(error) === 416) return new Uint8Array(0);
        throw error;
      }
    });
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<string> {
    checkKey(key);
    const command = {
      Bucket: this.#bucket,
      Key: this.#prefix + key,
      Body: bytes,
      ContentLength: bytes.length,
      ...(condition !== undefined && ('ifAbsent' in condition ? { IfNoneMatch: '*' } : { IfMatch: condition.ifMatch })),
    };
    let failedAttempts = 0;
    return this.#attempt('write', key, async () => {
      try {
        return (await this.#client.send(new PutObjectCommand(command))).ETag ?? '';
      } catch (error) {
        const status = statusOf(error);
        const isLost =
          condition !== undefined &&
          (status === 412 || (status === 404 && 'ifMatch' in condition && !isNoSuchBucket(error)));
        if (!isLost) {
          failedAttempts++;
          throw error;
        }
        const own = failedAttempts === 0 ? undefined : await this.#ownObject(key, bytes);
        if (own !== undefined) return own;
        const problem = 'ifAbsent' in condition ? 'it exists' : `it has changed since etag ${condition.ifMatch}`;
        throw new PreconditionFailedError(`conditional put of ${this.url(key)} lost: ${problem}`, { cause: error });
      }
    });
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let from = 0; from < keys.length; from += DELETE_KEYS_MAX) {
      const objects = keys.slice(from, from + DELETE_KEYS_MAX).map((key) => {
        checkKey(key);
        return { Key: this.#prefix + key };
      });
      await this.#attempt('delete', keys[from]!, async () => {
        const response = await this.#client.send(
          new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects: objects, Quiet: true } }),
        );
        const failure = response.Errors?.find((error) => error.Code !== 'NoSuchKey');
        if (failure !== undefined) {
          throw new ExternalError(
            'STORAGE',
            `s3://${this.#bucket}/${failure.Key} could not be deleted: ${failure.Code} ${failure.Message}`,
          );
        }
      });
    }
  }

  async list(prefix: string): Promise<ObjectEntry[]> {
    const entries: ObjectEntry[] = [];
    let token: string | undefined;
    do {
      const page = await this.#attempt('list', prefix, () =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: this.#prefix + prefix,
            ...(token !== undefined && { ContinuationToken: token }),
          }),
        ),
      );
      for (const entry of page.Contents ?? []) {
        if (entry.Key === undefined || entry.Key.endsWith('/')) continue; // folder markers of consoles
        entries.push({
          key: entry.Key.slice(this.#prefix.length),
          bytes: entry.Size ?? 0,
          modifiedAtMs: entry.LastModified?.getTime() ?? 0,
        });
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
    return entries.sort((a, b) => compareKeys(a.key, b.key));
  }

  /** The etag of the object when it is byte for byte what a put of unknown outcome has sent. */
  async #ownObject(key: string, bytes: Uint8Array): Promise<string | undefined> {
    const found = await this.get(key);
    return found !== undefined && Buffer.compare(found.bytes, bytes) === 0 ? found.etag : undefined;
  }

  async #attempt<T>(verb: string, key: string, operation: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await operation();
      } catch (error) {
        if (error instanceof PreconditionFailedError) throw error;
        if (attempt === ATTEMPTS_MAX || !isTransient(error))
          throw translateS3Error(error, verb, this.url(key), this.#bucket);
        const waitMs =
          Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** (attempt - 1)) * (0.5 + this.#environment.random.next() / 2);
        this.#environment.logger.debug('object storage: trying again', {
          verb,
          object: this.url(key),
          attempt,
          waitMs,
          error,
        });
        await this.#environment.scheduler.delay(waitMs);
      }
    }
  }
}

function createClient(environment: Environment, options: StorageOptions): S3Client {
  const variables = environment.variables;
  const endpoint = options.endpoint ?? variables['AWS_ENDPOINT_URL_S3'] ?? variables['AWS_ENDPOINT_URL'];
  const accessKeyId = options.accessKeyId ?? variables['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = options.secretAccessKey ?? variables['AWS_SECRET_ACCESS_KEY'];
  const sessionToken =
    options.sessionToken ?? (options.accessKeyId === undefined ? variables['AWS_SESSION_TOKEN'] : undefined);
  return new S3Client({
    ...(endpoint !== undefined && { endpoint }),
    region: options.region ?? variables['AWS_REGION'] ?? variables['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    forcePathStyle: options.forcePathStyle ?? endpoint !== undefined,
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
      }),
    // Checksum trailers are refused by older servers of the kind.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: SOCKET_TIMEOUT_MS },
  });
}

function isNoSuchKey(error: unknown): boolean {
  return statusOf(error) === 404 && !isNoSuchBucket(error);
}

function isNoSuchBucket(error: unknown): boolean {
  return (error as Error).name === 'NoSuchBucket';
}
