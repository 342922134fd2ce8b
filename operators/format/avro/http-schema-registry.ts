import { ExternalError, UserError } from '../../../engine/base/errors.ts';
import type { AvroSchema } from '../../../state/schema/schema.ts';
import type { SchemaRegistry } from './schema-registry.ts';

export interface HttpSchemaRegistryOptions {
  /** Base address of the Confluent REST interface, without a slash at its end. A name and password in it are used. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default 10,000 ms for each request. */
  readonly timeoutMs?: number | undefined;
}

const TIMEOUT_MS = 10_000;
const ATTEMPTS_MAX = 3;
const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json';

interface SchemaReference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

interface SchemaAnswer {
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly SchemaReference[];
}

/** A client of Confluent's schema registry, or of one with its interface (Apicurio, Karapace, Redpanda). */
export class HttpSchemaRegistry implements SchemaRegistry {
  readonly description: string;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;

  /** @throws UserError CONFIGURATION when the address is none. */
  constructor(options: HttpSchemaRegistryOptions) {
    const url = URL.parse(options.url);
    if (url === null || !/^https?:$/.test(url.protocol)) {
      throw new UserError('CONFIGURATION', `schema registry: expected http://host:port, found ${options.url}`);
    }
    const credentials =
      url.username === '' ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    url.username = '';
    url.password = '';
    this.#url = url.href.replace(/\/+$/, '');
    this.description = `registry ${this.#url}`;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#headers = {
      accept: MEDIA_TYPE,
      'content-type': MEDIA_TYPE,
      ...(credentials !== undefined && { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
      ...options.headers,
    };
  }

  async getById(id: number): Promise<AvroSchema | undefined> {
    const answer = await this.#ask('GET', `/schemas/ids/${id}`);
    if (answer.status === 404) return undefined;
    return this.#resolve((await this.#body(answer)) as SchemaAnswer, `schema ${id}`);
  }

  async register(subject: string, schema: AvroSchema): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`;
    const answer = await this.#ask('POST', path, JSON.stringify({ schema: JSON.stringify(schema) }));
    if (answer.status === 409 || answer.status === 422) {
      throw new UserError('SCHEMA', `${this.description} refuses the schema for ${subject}: ${await answer.text()}`, {
        hint: 'Fields may be added with a default and removed; anything else needs another subject or compatibility level.',
      });
    }
    return ((await this.#body(answer)) as { id: number }).id;
  }

  /** Writes referenced types out where they are first used. */
  async #resolve(answer: SchemaAnswer, what: string): Promise<AvroSchema> {
    if (answer.schemaType !== undefined && answer.schemaType !== 'AVRO') {
      throw new UserError(
        'SCHEMA',
        `${this.description}, ${what}: expected an Avro schema, found ${answer.schemaType}`,
      );
    }
    let schema: AvroSchema;
    try {
      schema = JSON.parse(answer.schema) as AvroSchema;
    } catch {
      schema = answer.schema; // a primitive may come without quotes
    }
    for (const reference of answer.references ?? []) {
      const path = `/subjects/${encodeURIComponent(reference.subject)}/versions/${reference.version}`;
      const found = await this.#body(await this.#ask('GET', path));
      const type = await this.#resolve(found as SchemaAnswer, `${what}, reference ${reference.name}`);
      schema = inline(schema, reference.name, type, { isDone: false }) as AvroSchema;
    }
    return schema;
  }

  async #ask(method: string, path: string, body?: string): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      let failure: unknown;
      try {
        const signal = AbortSignal.timeout(this.#timeoutMs);
        const answer = await fetch(this.#url + path, {
          method,
          headers: this.#headers,
          signal,
          ...(body !== undefined && { body }),
        });
        if (answer.status < 500) return answer;
        failure = new Error(`HTTP ${answer.status} ${await answer.text()}`);
      } catch (error) {
        failure = error;
      }
      if (attempt === ATTEMPTS_MAX) {
        throw new ExternalError(
          'CONNECTION',
          `${this.description} does not answer ${path}: ${reasonOf(failure as Error)}`,
          { cause: failure, hint: 'Check the address of the registry, and that it is up.' },
        );
      }
    }
  }

  async #body(answer: Response): Promise<unknown> {
    if (answer.ok) return answer.json();
    const { status } = answer;
    const what = `${this.description}: HTTP ${status} ${await answer.text()}`;
    if (status === 401 || status === 403) {
      throw new UserError('CONFIGURATION', what, {
        hint: 'Put name and password of the registry into its address, or a token into the headers.',
      });
    }
    throw new ExternalError('CONNECTION', what, { retryable: status === 408 || status === 429 });
  }
}

/** Fetch keeps what happened in the cause. */
function reasonOf(failure: Error): string {
  return failure.cause instanceof Error ? `${failure.message}: ${failure.cause.message}` : failure.message;
}

/** Replaces the first mention of a type's full name by the type. */
function inline(schema: unknown, name: string, type: AvroSchema, state: { isDone: boolean }): unknown {
  if (state.isDone) return schema;
  if (schema === name) {
    state.isDone = true;
    return type;
  }
  if (Array.isArray(schema)) return schema.map((item) => inline(item, name, type, state));
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    const mayHoldTypes = key === 'type' || key === 'items' || key === 'values' || key === 'fields';
    copy[key] = mayHoldTypes ? inline(value, name, type, state) : value;
  }
  return copy;
}
