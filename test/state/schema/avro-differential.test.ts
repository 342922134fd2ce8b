import avsc from 'avsc';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader, ByteWriter } from '../../../engine/base/bytes.ts';
import { RecordError } from '../../../engine/base/errors.ts';
import { createInterpretedEncoder } from '../../../state/schema/encoder.ts';
import { generateRead } from '../../../state/schema/generate-read.ts';
import { generateWrite } from '../../../state/schema/generate-write.ts';
import { interpretRead } from '../../../state/schema/interpret-read.ts';
import { describeMismatch } from '../../../state/schema/mismatch.ts';
import { parseAvroSchema } from '../../../state/schema/parse-avro-schema.ts';
import { planRead } from '../../../state/schema/plan-read.ts';
import { createResolver } from '../../../state/schema/resolver.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { skipValue } from '../../../state/schema/skip-value.ts';
import { arbitraryRecord, type SchemaCase } from './arbitrary-schema.ts';

const cases = arbitraryRecord(2).chain((schemaCase) =>
  fc.record({ schemaCase: fc.constant(schemaCase), value: schemaCase.value }),
);

/** Each random schema is compiled, which costs; values are cheap. */
const RUNS = { numRuns: 300 };

function avscType(schemaCase: SchemaCase): avsc.Type {
  return avsc.Type.forSchema(schemaCase.schema.avro as avsc.Schema, { wrapUnions: 'auto' as never });
}

function encoded(schemaCase: SchemaCase, value: unknown): Buffer {
  const writer = new ByteWriter(1);
  generateWrite(shapeOf(schemaCase.schema))!(writer, value);
  return writer.copy();
}

test('generated and interpreted encoder write the bytes that avsc writes', () => {
  fc.assert(
    fc.property(cases, ({ schemaCase, value }) => {
      const bytes = encoded(schemaCase, value);
      const interpreted = new ByteWriter(1);
      createInterpretedEncoder(shapeOf(schemaCase.schema))(interpreted, value);
      expect(interpreted.copy()).toEqual(bytes);
      expect(avscType(schemaCase).toBuffer(schemaCase.toAvsc(value as never))).toEqual(bytes);
    }),
    RUNS,
  );
});

test('generated and interpreted decoder read what was written, wherever it stands', () => {
  fc.assert(
    fc.property(cases, fc.nat(3), ({ schemaCase, value }, offset) => {
      const bytes = Buffer.concat([Buffer.alloc(offset), encoded(schemaCase, value), Buffer.from([1, 2, 3])]);
      const plan = planRead(shapeOf(schemaCase.schema), shapeOf(schemaCase.schema));
      const end = bytes.length - 3;
      for (const decode of [generateRead(plan)!, (reader: ByteReader) => interpretRead(reader, plan)]) {
        const reader = new ByteReader(bytes, offset, end);
        expect(decode(reader)).toEqual(value);
        expect(reader.offset).toBe(end);
      }
      const reader = new ByteReader(bytes, offset, end);
      skipValue(reader, shapeOf(schemaCase.schema));
      expect(reader.offset).toBe(end);
      expect(describeMismatch(shapeOf(schemaCase.schema), value)).toBeUndefined();
    }),
    RUNS,
  );
});

test('damaged bytes never crash a decoder: it reads something or throws a RecordError, and both decoders agree', () => {
  fc.assert(
    fc.property(
      cases,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
      fc.nat(),
      ({ schemaCase, value }, damages, cut) => {
        const bytes = encoded(schemaCase, value);
        for (const [at, byte] of damages) if (bytes.length > 0) bytes[at % bytes.length] = byte;
        const end = cut % (bytes.length + 1);
        const plan = planRead(shapeOf(schemaCase.schema), shapeOf(schemaCase.schema));
        const outcomes = [generateRead(plan)!, (reader: ByteReader) => interpretRead(reader, plan)].map((decode) => {
          try {
            const reader = new ByteReader(bytes, 0, end);
            return { value: decode(reader), offset: reader.offset };
          } catch (error) {
            expect(error).toBeInstanceOf(RecordError);
            return (error as Error).message;
          }
        });
        expect(outcomes[0]).toEqual(outcomes[1]);
      },
    ),
    RUNS,
  );
});

test('a foreign schema parsed from our Avro has the same bytes, and our reader resolves against it', () => {
  fc.assert(
    fc.property(cases, ({ schemaCase, value }) => {
      const avro = JSON.parse(JSON.stringify(schemaCase.schema.avro)) as never;
      const foreign = parseAvroSchema(avro);
      const bytes = encoded(schemaCase, value);
      const raw = foreign.decode(new ByteReader(bytes));
      const writer = new ByteWriter();
      foreign.encode(writer, raw);
      // Records in unions carry no tag there, so two alike may be taken for each other.
      if (
        !/\[("null",)?\{"type":"record"/.test(
          JSON.stringify(schemaCase.schema.avro).replaceAll('"fields":[', '"fields":'),
        )
      )
        expect(writer.copy()).toEqual(bytes);
      expect(createResolver(avro, schemaCase.schema)(new ByteReader(bytes))).toEqual(value);
    }),
    RUNS,
  );
});
