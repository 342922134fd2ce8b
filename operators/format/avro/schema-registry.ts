import { UserError } from '../../../engine/base/errors.ts';
import { canResolve } from '../../../state/schema/resolver.ts';
import { parseAvroSchema } from '../../../state/schema/parse-avro-schema.ts';
import type { AvroSchema } from '../../../state/schema/schema.ts';

/** Where the schemas of `confluentAvro` messages are kept. */
export interface SchemaRegistry {
  /** For messages: `registry http://127.0.0.1:8081`. */
  readonly description: string;
  /**
   * The Avro schema of an id, with the types that it refers to written out; undefined when the registry has no such id.
   *
   * @throws ExternalError CONNECTION when it cannot be asked.
   * @throws UserError SCHEMA when what it has is no Avro schema; CONFIGURATION when it does not let us in.
   */
  getById(id: number): Promise<AvroSchema | undefined>;
  /**
   * Registers a schema under a subject (by convention `<topic>-value`) and returns its id; the same schema has the same id.
   *
   * @throws UserError SCHEMA when the registry refuses it as incompatible or invalid.
   */
  register(subject: string, schema: AvroSchema): Promise<number>;
}

/** A registry in memory, for tests and the embedded default. New schemas of a subject must be able to read its last one. */
export class MemorySchemaRegistry implements SchemaRegistry {
  readonly description = 'registry in memory';
  readonly #schemas: AvroSchema[] = [];
  readonly #lastBySubject = new Map<string, AvroSchema>();

  getById(id: number): Promise<AvroSchema | undefined> {
    return Promise.resolve(this.#schemas[id - 1]);
  }

  async register(subject: string, schema: AvroSchema): Promise<number> {
    const last = this.#lastBySubject.get(subject);
    const problem = last === undefined ? undefined : canResolve(last, parseAvroSchema(schema));
    if (problem !== undefined) throw new UserError('SCHEMA', `registry refuses the schema for ${subject}: ${problem}`);
    const text = JSON.stringify(schema);
    const index = this.#schemas.findIndex((known) => JSON.stringify(known) === text);
    this.#lastBySubject.set(subject, schema);
    return index >= 0 ? index + 1 : this.#schemas.push(schema);
  }
}
