import type { ByteReader } from '../../engine/base/bytes.ts';
import { generateRead } from './generate-read.ts';
import { interpretRead } from './interpret-read.ts';
import { planRead } from './plan-read.ts';
import type { ReadPlan } from './read-plan.ts';
import type { Shape } from './shape.ts';

/** The decoder of a shape as it writes itself. Throws RecordError on bytes that cannot be its own. */
export function createDecoder<T>(shape: Shape): (reader: ByteReader) => T {
  return createPlannedDecoder<T>(planRead(shape, shape));
}

export function createPlannedDecoder<T>(plan: ReadPlan): (reader: ByteReader) => T {
  return generateRead<T>(plan) ?? ((reader) => interpretRead(reader, plan) as T);
}
