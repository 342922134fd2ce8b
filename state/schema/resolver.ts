import type { ByteReader } from '../../engine/base/bytes.ts';
import { UserError, type ErrorCode } from '../../engine/base/errors.ts';
import { createPlannedDecoder } from './decoder.ts';
import { parseAvroSchema } from './parse-avro-schema.ts';
import { planRead, Unresolvable, type PlanOptions } from './plan-read.ts';
import type { AvroSchema, Schema } from './schema.ts';
import { shapeOf } from './shape-schema.ts';

export interface ResolverOptions extends PlanOptions {
  /** Code of the error when the schemas do not resolve: `STATE_INCOMPATIBLE` for state, default `SCHEMA`. */
  readonly code?: Extract<ErrorCode, 'STATE_INCOMPATIBLE' | 'SCHEMA'> | undefined;
  /** What is read, for the message: `state seen of operator first-click`. */
  readonly subject?: string | undefined;
}

/**
 * A decoder of values written with one schema and read with another, by Avro's rules. Fields that the reader does not have
 * are skipped without being made: a reader schema of few fields is a projection.
 *
 * @throws UserError naming the field and both types when the schemas do not resolve.
 */
export function createResolver<T>(
  writerAvro: AvroSchema,
  reader: Schema<T>,
  options: ResolverOptions = {},
): (reader: ByteReader) => T {
  try {
    return createPlannedDecoder<T>(planRead(shapeOf(parseAvroSchema(writerAvro)), shapeOf(reader), options));
  } catch (error) {
    if (!(error instanceof Unresolvable)) throw error;
    const subject = options.subject === undefined ? '' : `${options.subject}: `;
    throw new UserError(options.code ?? 'SCHEMA', `${subject}the schemas do not resolve: ${error.message}`, {
      hint: 'Fields may be added with a default, removed, reordered or widened (int, long, double); anything else needs a new name.',
    });
  }
}

/** Why values written with `writerAvro` cannot be read as `reader`, or undefined when all of them can. */
export function canResolve(writerAvro: AvroSchema, reader: Schema<unknown>): string | undefined {
  if (JSON.stringify(writerAvro) === JSON.stringify(reader.avro)) return undefined;
  try {
    planRead(shapeOf(parseAvroSchema(writerAvro)), shapeOf(reader));
    return undefined;
  } catch (error) {
    if (error instanceof Unresolvable) return error.message;
    throw error;
  }
}
