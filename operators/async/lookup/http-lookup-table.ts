import type { Environment } from '../../../engine/base/environment.ts';
import { ExternalError, UserError } from '../../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../../engine/time/duration.ts';
import type { Key } from '../../../state/keyed/key.ts';
import type { FunctionContext } from '../../process/function-context.ts';
import type { LookupContext, LookupTable } from './lookup-table.ts';

export interface HttpLookupTableOptions<K extends Key, V> {
  /** Address that answers for a key; mind `encodeURIComponent`. */
  readonly url: (key: K) => string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Rows of an answer's JSON. Default: the elements of a list, or the one object; null has none. 404 has none in any case. */
  readonly rows?: ((body: unknown, key: K) => readonly V[]) | undefined;
  /** Address of all rows, for a full cache: it answers with a list. Needs `keyOf`. */
  readonly scanUrl?: string | undefined;
  readonly keyOf?: ((row: V) => K) | undefined;
  /** For each request. Default 10 s. */
  readonly timeout?: Duration | undefined;
  /** Requests for a key at most, the first included: what may pass (no connection, HTTP 429 and 5xx) is asked again. Default 3. */
  readonly maxAttempts?: number | undefined;
}

const TIMEOUT_MS = 10_000;
const ATTEMPTS_MAX = 3;
/** Before the second attempt; doubled before each one after it. */
const PAUSE_MS = 100;

/**
 * A service that answers with JSON, asked by key.
 *
 *     httpLookupTable({ url: (id) => `http://127.0.0.1:8080/campaigns/${encodeURIComponent(id)}` })
 */
export function httpLookupTable<V = unknown, K extends Key = string>(
  options: HttpLookupTableOptions<K, V>,
): LookupTable<K, V> {
  return new HttpLookupTable(options);
}

class HttpLookupTable<K extends Key, V> implements LookupTable<K, V> {
  readonly description: string;
  readonly scan?: (context: LookupContext) => AsyncIterable<readonly [key: K, row: V]>;
  readonly #options: HttpLookupTableOptions<K, V>;
  readonly #timeoutMs: number;
  #environment: Environment | undefined;

  constructor(options: HttpLookupTableOptions<K, V>) {
    const { scanUrl, keyOf, timeout = TIMEOUT_MS } = options;
    if ((scanUrl === undefined) !== (keyOf === undefined)) {
      throw new UserError('CONFIGURATION', 'HTTP look-up table: scanUrl and keyOf go together', {
        hint: 'keyOf says which key a row of the whole table belongs to.',
      });
    }
    this.#options = options;
    this.#timeoutMs = durationMs(timeout);
    this.description = scanUrl === undefined ? 'HTTP service' : `HTTP service ${scanUrl}`;
    if (scanUrl !== undefined) this.scan = ({ signal }) => this.#scan(scanUrl, keyOf!, signal);
  }

  open({ environment }: FunctionContext): void {
    this.#environment = environment;
  }

  async lookup(key: K, { signal }: LookupContext): Promise<readonly V[]> {
    const body = await this.#get(this.#options.url(key), signal);
    if (body === undefined) return [];
    return this.#options.rows === undefined ? (toRows(body) as readonly V[]) : this.#options.rows(body, key);
  }

  async *#scan(url: string, keyOf: (row: V) => K, signal: AbortSignal): AsyncGenerator<readonly [key: K, row: V]> {
    const body = await this.#get(url, signal);
    // Also for 404: an empty table would drop or pad every record, without a word.
    if (!Array.isArray(body)) throw new ExternalError('LOOKUP', `no list of rows at ${url}`);
    for (const row of body as readonly V[]) yield [keyOf(row), row];
  }

  /** The answer's JSON; undefined for 404. */
  async #get(url: string, signal: AbortSignal): Promise<unknown> {
    const { maxAttempts = ATTEMPTS_MAX } = this.#options;
    if (!URL.canParse(url)) {
      throw new UserError(
        'CONFIGURATION',
        `HTTP look-up table: expected an address such as http://host/path, found '${url}'`,
      );
    }
    for (let attempt = 1; ; attempt++) {
      let failure: unknown;
      try {
        return await this.#ask(url, signal);
      } catch (error) {
        if (error instanceof UserError || (error instanceof ExternalError && !error.retryable)) throw error;
        failure = error;
      }
      if (signal.aborted) throw signal.reason as Error;
      if (attempt >= maxAttempts) {
        throw new ExternalError('CONNECTION', `no answer from ${url}: ${reasonOf(failure as Error)}`, {
          cause: failure,
          hint: 'Check the address of the service, and that it is up.',
        });
      }
      await this.#environment?.scheduler.delay(PAUSE_MS * 2 ** (attempt - 1));
    }
  }

  async #ask(url: string, signal: AbortSignal): Promise<unknown> {
    const answer = await fetch(url, {
      headers: { accept: 'application/json', ...this.#options.headers },
      signal: AbortSignal.any([signal, AbortSignal.timeout(this.#timeoutMs)]),
    });
    const { status } = answer;
    if (answer.ok) return await bodyOf(answer, url);
    const what = `HTTP ${status} from ${url}: ${(await answer.text()).slice(0, 200)}`;
    if (status === 404) return undefined;
    if (status === 401 || status === 403)
      throw new UserError('CONFIGURATION', what, { hint: 'Put a token into the option headers.' });
    throw new ExternalError('LOOKUP', what, { retryable: status >= 500 || status === 408 || status === 429 });
  }
}

async function bodyOf(answer: Response, url: string): Promise<unknown> {
  if (answer.status === 204) return undefined;
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ExternalError('LOOKUP', `expected JSON from ${url}, found ${JSON.stringify(text.slice(0, 80))}`, {
      cause: error,
      retryable: false,
    });
  }
}

function toRows(body: unknown): readonly unknown[] {
  if (body === null) return [];
  return Array.isArray(body) ? body : [body];
}

/** Fetch keeps what happened in the cause. */
function reasonOf(failure: Error): string {
  return failure.cause instanceof Error ? `${failure.message}: ${failure.cause.message}` : failure.message;
}
