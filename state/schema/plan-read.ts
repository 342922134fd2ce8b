import { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import { interpretRead } from './interpret-read.ts';
import { interpretWrite } from './interpret-write.ts';
import type { Conversion, ReadPlan, RecordPlan, RecordProperty } from './read-plan.ts';
import {
  branchesOf,
  describeShape,
  shortName,
  type FieldShape,
  type RecordShape,
  type ScalarKind,
  type Shape,
} from './shape.ts';

export interface PlanOptions {
  /** True: a branch of the writer's union that the reader cannot take is an error only when such a value comes. */
  readonly isLenient?: boolean | undefined;
}

/** Why two shapes do not resolve. Caught in this folder only. */
export class Unresolvable extends Error {}

/**
 * Avro's schema resolution: fields by name or alias, in any order; a field only the reader has takes its default; one only
 * the writer has is skipped; int → long → float → double, string ↔ bytes; unions by branch.
 *
 * Names of records and enumerations matter only where they tell branches of a union apart.
 *
 * @throws Unresolvable naming the field and both types.
 */
export function planRead(writer: Shape, reader: Shape, options: PlanOptions = {}): ReadPlan {
  return new Planner(options.isLenient ?? false).plan(
    writer,
    reader,
    reader.kind === 'record' ? shortName(reader.name) : '',
  );
}

class Planner {
  readonly #isLenient: boolean;
  readonly #records = new Map<RecordShape, Map<RecordShape, RecordPlan>>();

  constructor(isLenient: boolean) {
    this.#isLenient = isLenient;
  }

  plan(writer: Shape, reader: Shape, path: string): ReadPlan {
    const branches = branchesOf(writer);
    if (branches !== undefined) {
      if (reader.kind === 'custom') return this.#custom(writer, reader, path);
      const recordCount = branches.filter((branch) => branch.kind === 'record').length;
      return { op: 'branch', branches: branches.map((branch) => this.#branch(branch, reader, path, recordCount > 1)) };
    }
    switch (reader.kind) {
      case 'optional':
        return writer.kind === 'null' ? { op: 'null', value: undefined } : this.plan(writer, reader.value, path);
      case 'union':
        return this.#union(
          writer,
          reader.branches.map((branch) => branch.record),
          path,
          (index) => ({
            name: reader.tag,
            source: 'constant',
            value: reader.branches[index]!.label,
          }),
        );
      case 'variant':
        return this.#variant(writer, reader.branches, path);
      case 'record':
        if (writer.kind !== 'record') throw mismatch(writer, reader, path);
        return this.#record(writer, reader, path, undefined);
      case 'array':
        if (writer.kind !== 'array') throw mismatch(writer, reader, path);
        return { op: 'array', items: this.plan(writer.items, reader.items, `${path}[]`) };
      case 'map':
        if (writer.kind !== 'map') throw mismatch(writer, reader, path);
        return { op: 'map', values: this.plan(writer.values, reader.values, `${path}{}`) };
      case 'custom':
        return this.#custom(writer, reader, path);
      default:
        return leafPlan(writer, reader, path);
    }
  }

  /** @param byName several branches are records: one is read as a record of its own name only. */
  #branch(writer: Shape, reader: Shape, path: string, byName: boolean): ReadPlan {
    try {
      const target = reader.kind === 'optional' ? reader.value : reader;
      if (byName && writer.kind === 'record' && target.kind === 'record' && !isSameName(writer, target)) {
        throw mismatch(writer, target, path);
      }
      return this.plan(writer, reader, path);
    } catch (error) {
      if (!this.#isLenient || !(error instanceof Unresolvable)) throw error;
      return { op: 'refuse', reason: error.message };
    }
  }

  #union(
    writer: Shape,
    records: readonly RecordShape[],
    path: string,
    tagOf: (index: number) => RecordProperty,
  ): ReadPlan {
    if (writer.kind === 'record') {
      const index = records.findIndex((record) => isSameName(writer, record));
      const record = records[index];
      if (record !== undefined) return this.#record(writer, record, path, tagOf(index));
    }
    const known = records.map((record) => shortName(record.name)).join(', ');
    throw new Unresolvable(`${path || 'value'}: written as ${describeShape(writer)}, the reader knows only ${known}`);
  }

  #variant(writer: Shape, branches: readonly Shape[], path: string): ReadPlan {
    const exact = branches.find(
      (branch) =>
        branch.kind === writer.kind && (!('name' in branch) || !('name' in writer) || branch.name === writer.name),
    );
    if (exact !== undefined) return this.plan(writer, exact, path);
    for (const branch of branches) {
      try {
        return this.plan(writer, branch, path);
      } catch (error) {
        if (!(error instanceof Unresolvable)) throw error;
      }
    }
    throw new Unresolvable(
      `${path || 'value'}: written as ${describeShape(writer)}, read as a union of ${branches.map(describeShape).join(', ')}`,
    );
  }

  #record(writer: RecordShape, reader: RecordShape, at: string, tag: RecordProperty | undefined): RecordPlan {
    const path = at === '' ? shortName(reader.name) : at;
    const known = tag === undefined ? this.#records.get(writer)?.get(reader) : undefined;
    if (known !== undefined) return known;
    const plan: RecordPlan = { op: 'record', name: shortName(reader.name), steps: [], properties: [] };
    if (tag !== undefined) plan.properties.push(tag);
    else this.#remember(writer, reader, plan);
    const targets = new Map<FieldShape, FieldShape>();
    for (const field of reader.fields) {
      const source = writerField(writer, field);
      if (source === undefined) {
        plan.properties.push(defaultProperty(field, `${path}.${field.name}`));
      } else {
        targets.set(source, field);
        plan.properties.push({ name: field.name, source: 'step' });
      }
    }
    for (const field of writer.fields) {
      const target = targets.get(field);
      if (target === undefined) plan.steps.push({ target: undefined, skip: field.shape });
      else
        plan.steps.push({ target: target.name, plan: this.plan(field.shape, target.shape, `${path}.${target.name}`) });
    }
    return plan;
  }

  #remember(writer: RecordShape, reader: RecordShape, plan: RecordPlan): void {
    let byReader = this.#records.get(writer);
    if (byReader === undefined) {
      byReader = new Map();
      this.#records.set(writer, byReader);
    }
    byReader.set(reader, plan);
  }

  /** A schema that brings its own codec reads only what it has written itself. */
  #custom(writer: Shape, reader: Shape & { kind: 'custom' }, path: string): ReadPlan {
    const isSame =
      writer.kind === 'custom' && JSON.stringify(writer.schema.avro) === JSON.stringify(reader.schema.avro);
    if (!isSame) throw mismatch(writer, reader, path);
    return { op: 'custom', schema: reader.schema };
  }
}

const PROMOTIONS: Readonly<Record<ScalarKind, readonly ScalarKind[]>> = {
  null: ['null'],
  boolean: ['boolean'],
  int: ['int', 'long', 'timestamp', 'float', 'double'],
  long: ['long', 'timestamp', 'float', 'double'],
  timestamp: ['timestamp', 'long', 'float', 'double'],
  float: ['float', 'double'],
  double: ['double'],
  string: ['string', 'bytes'],
  bytes: ['bytes', 'string'],
};

function leafPlan(writer: Shape, reader: Shape, path: string): ReadPlan {
  switch (reader.kind) {
    case 'fixed':
      if (writer.kind === 'fixed' && writer.size === reader.size) return { op: 'fixed', size: writer.size };
      break;
    case 'decimal':
      if (writer.kind === 'decimal' && writer.scale === reader.scale && writer.precision <= reader.precision) {
        return { op: 'decimal', size: writer.fixed?.size };
      }
      break;
    case 'enumeration': {
      if (writer.kind !== 'enumeration') break;
      const symbols = writer.symbols.map((symbol) => (reader.symbols.includes(symbol) ? symbol : reader.defaultSymbol));
      const unknown = writer.symbols.find((_, index) => symbols[index] === undefined);
      if (unknown === undefined) return { op: 'enumeration', symbols, writer };
      throw new Unresolvable(
        `${path || 'value'}: the written symbol ${unknown} is not among the reader's ${reader.symbols.join(', ')}`,
      );
    }
    case 'null':
      if (writer.kind === 'null') return { op: 'null', value: null };
      break;
    default: {
      const wire = writer.kind;
      if (!isScalar(wire) || wire === 'null' || !isScalar(reader.kind) || !PROMOTIONS[wire].includes(reader.kind))
        break;
      return { op: 'scalar', wire, convert: conversion(writer, reader.kind) };
    }
  }
  throw mismatch(writer, reader, path);
}

function conversion(writer: Shape, reader: ScalarKind): Conversion | undefined {
  if (writer.kind === 'string' && reader === 'bytes') return 'stringToBytes';
  if (writer.kind === 'bytes' && reader === 'string') return 'bytesToString';
  if (writer.kind === 'long' && reader === 'timestamp' && writer.logicalType?.endsWith('timestamp-micros'))
    return 'microsToMillis';
  if (reader === 'float' && writer.kind !== 'float') return 'toFloat';
  return undefined;
}

function isScalar(kind: string): kind is ScalarKind {
  return kind in PROMOTIONS;
}

function writerField(writer: RecordShape, field: FieldShape): FieldShape | undefined {
  return (
    writer.fields.find((candidate) => candidate.name === field.name) ??
    writer.fields.find((candidate) => field.aliases.includes(candidate.name))
  );
}

function isSameName(writer: RecordShape, reader: RecordShape): boolean {
  const name = shortName(writer.name);
  return shortName(reader.name) === name || reader.aliases.some((alias) => shortName(alias) === name);
}

function defaultProperty(field: FieldShape, path: string): RecordProperty {
  const name = field.name;
  if (field.default === undefined) {
    if (field.shape.kind === 'optional') return { name, source: 'constant', value: undefined };
    throw new Unresolvable(
      `${path}: the reader expects ${describeShape(field.shape)}, the writer has no such field and there is no default`,
    );
  }
  const value = field.default.value;
  if (typeof value !== 'object' || value === null) {
    return { name, source: 'constant', value: value as string | number | boolean | bigint | null | undefined };
  }
  const writer = new ByteWriter(64);
  interpretWrite(writer, field.shape, value);
  const bytes = writer.copy();
  const plan = planRead(field.shape, field.shape);
  return { name, source: 'default', make: () => interpretRead(new ByteReader(bytes), plan) };
}

function mismatch(writer: Shape, reader: Shape, path: string): Unresolvable {
  return new Unresolvable(`${path || 'value'}: written as ${describeShape(writer)}, read as ${describeShape(reader)}`);
}
