import type { Emitted, Observed } from './observed.ts';
import { type Expectation, type Vector, timeMs, type VectorTime } from './vector.ts';

const OUTPUT_FIELDS = ['value', 'wm', 'status', 'match', 'timeout', 'failure', 'trigger', 'abort', 'merged'];

/** Compares what was observed with what a vector expects. Returns the first difference, or undefined. */
export function compare(vector: Vector, observed: Observed): string | undefined {
  const stateDifference = compareStates(vector, observed);
  if (vector.order === 'ignore' || stateDifference !== undefined) return stateDifference;
  const isOutput = (entry: Expectation): boolean =>
    assertsOutput(vector) && OUTPUT_FIELDS.some((field) => field in entry);
  const outputs = vector.expect.filter(isOutput);
  const sideOf = (entry: Expectation): string | undefined =>
    'abort' in entry ? 'aborts' : 'failure' in entry ? 'failures' : (entry['side'] as string | undefined);
  const main = outputs.filter((entry) => sideOf(entry) === undefined);
  const bySide = Map.groupBy(
    outputs.filter((entry) => sideOf(entry) !== undefined),
    (entry) => sideOf(entry)!,
  );
  return (
    compareMain(vector, main, listed(observed)) ??
    [...new Set([...bySide.keys(), ...observed.sides.keys()])]
      .map((tag) => compareMultiset(`side output ${tag}`, bySide.get(tag) ?? [], observed.sides.get(tag) ?? []))
      .find((difference) => difference !== undefined) ??
    compareSilence(vector, outputs, observed) ??
    compareAssertions(
      vector,
      vector.expect.filter((entry) => !isOutput(entry)),
      observed,
    ) ??
    compareInvariant(vector, observed)
  );
}

function listed(observed: Observed): readonly Emitted[] {
  return observed.listsWatermarks ? observed.main : observed.main.filter(({ entry }) => !('wm' in entry));
}

/** In these types `wm` and `value` are asserted values, not outputs. */
function assertsOutput(vector: Vector): boolean {
  return vector.operator.type !== 'watermarkGenerator' && vector.operator.type !== 'ttlValueState';
}

function compareMain(vector: Vector, expected: readonly Expectation[], found: readonly Emitted[]): string | undefined {
  if (vector.order === 'any') return compareMultiset('output', expected, found);
  if (vector.order === 'exact') return compareSequence(expected, found);
  const expectedSegments = segments(expected, (entry) => entry);
  const foundSegments = segments(found, (emitted) => emitted.entry);
  for (let i = 0; i < Math.max(expectedSegments.length, foundSegments.length); i++) {
    const left = expectedSegments[i] ?? { records: [], end: undefined };
    const right = foundSegments[i] ?? { records: [], end: undefined };
    const difference =
      compareMultiset(`output before watermark ${i + 1}`, left.records, right.records) ??
      compareSequence(left.end === undefined ? [] : [left.end], right.end === undefined ? [] : [right.end]);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function segments<T>(
  items: readonly T[],
  entryOf: (item: T) => Readonly<Record<string, unknown>>,
): { records: T[]; end: T | undefined }[] {
  const result: { records: T[]; end: T | undefined }[] = [{ records: [], end: undefined }];
  for (const item of items) {
    const last = result.at(-1)!;
    if ('wm' in entryOf(item)) {
      last.end = item;
      result.push({ records: [], end: undefined });
    } else {
      last.records.push(item);
    }
  }
  return result;
}

function compareSequence(expected: readonly Expectation[], found: readonly Emitted[]): string | undefined {
  for (let i = 0; i < Math.max(expected.length, found.length); i++) {
    const left = expected[i];
    const right = found[i];
    if (left === undefined)
      return `output ${i + 1}: expected nothing, found ${print(right!.entry)} at step ${right!.step}`;
    if (right === undefined) return `output ${i + 1}: expected ${print(left)}, found nothing`;
    if (!matches(left, right.entry))
      return `output ${i + 1}, step ${right.step}: expected ${print(left)}, found ${print(right.entry)}`;
    if (left.by !== undefined && right.step > left.by)
      return `output ${i + 1}: expected ${print(left)}, found it at step ${right.step}`;
  }
  return undefined;
}

function compareMultiset(
  what: string,
  expected: readonly Expectation[],
  found: readonly Emitted[],
): string | undefined {
  const rest = [...found];
  for (const entry of expected.toSorted((a, b) => (a.by ?? Infinity) - (b.by ?? Infinity))) {
    const at = rest.findIndex((emitted) => matches(entry, emitted.entry));
    if (at < 0)
      return `${what}: expected ${print(entry)}, found ${rest.length === 0 ? 'nothing' : rest.map((e) => print(e.entry)).join(' ')}`;
    const [emitted] = rest.splice(at, 1);
    if (entry.by !== undefined && emitted!.step > entry.by)
      return `${what}: expected ${print(entry)}, found it at step ${emitted!.step}`;
  }
  return rest.length === 0
    ? undefined
    : `${what}: expected nothing more, found ${print(rest[0]!.entry)} at step ${rest[0]!.step}`;
}

function compareSilence(vector: Vector, outputs: readonly Expectation[], observed: Observed): string | undefined {
  const found = [...listed(observed), ...[...observed.sides.values()].flat()];
  for (const step of vector.noOutputAfter ?? []) {
    const expectedCount = outputs.filter((entry) => entry.by !== undefined && entry.by <= step).length;
    const foundCount = found.filter((emitted) => emitted.step <= step).length;
    if (foundCount !== expectedCount)
      return `after step ${step}: expected ${expectedCount} outputs so far, found ${foundCount}`;
  }
  return undefined;
}

function compareAssertions(vector: Vector, expected: readonly Expectation[], observed: Observed): string | undefined {
  for (const entry of expected) {
    const step = entry.by ?? vector.input.length;
    const found = observed.assertions.get(step) ?? [];
    if (!found.some((values) => asserts(vector, entry, values))) {
      return `step ${step}: expected ${print(entry)}, found ${found.map((values) => print(values)).join(' or ') || 'nothing'}`;
    }
  }
  return undefined;
}

function asserts(vector: Vector, entry: Expectation, found: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(entry).every(([field, value]) => {
    if (field === 'by') return true;
    const isList = Array.isArray(value) && vector.order === 'any';
    return isList ? equal(sorted(value), sorted(found[field])) : equal(value, found[field]);
  });
}

function compareStates(vector: Vector, observed: Observed): string | undefined {
  for (const { after, ...expected } of vector.expectState ?? []) {
    const found = observed.states.get(after);
    for (const [field, value] of Object.entries(expected)) {
      if (!equal(value, found?.[field]))
        return `state ${field} after step ${after}: expected ${print(value)}, found ${print(found?.[field])}`;
    }
  }
  return undefined;
}

function compareInvariant(vector: Vector, observed: Observed): string | undefined {
  if (vector.invariant !== 'noLateRecords') return undefined;
  let watermarkMs = -Infinity;
  for (const { entry } of observed.main) {
    if ('wm' in entry) watermarkMs = timeMs(entry['wm'] as VectorTime);
    else if (timeMs(entry['ts'] as VectorTime) < watermarkMs)
      return `late output ${print(entry)} behind watermark ${watermarkMs}`;
  }
  return undefined;
}

/** Whether an output has every field that is expected; a missing `kind` is `+I`. */
function matches(expected: Expectation, found: Readonly<Record<string, unknown>>): boolean {
  for (const [field, value] of Object.entries(expected)) {
    if (field === 'by' || field === 'side') continue;
    if (field === 'from') {
      if (!equal(sorted(value), sorted(found['from']))) return false;
    } else if (!equal(value, field === 'kind' ? (found[field] ?? '+I') : found[field])) return false;
  }
  if (!('kind' in expected) && (found['kind'] ?? '+I') !== '+I') return false;
  return ['wm', 'status', 'value', 'merged'].every((field) => field in expected === field in found);
}

/** Lists compare as multisets, at every depth: the vectors' sets are written down sorted, what is in them too. */
function sorted(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((element) => JSON.stringify(sorted(element))).toSorted();
}

function equal(a: unknown, b: unknown): boolean {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object')
    return a === b || (a === undefined && b === null);
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((value, i) => equal(value, b[i]));
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => equal((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}

function print(value: unknown): string {
  return JSON.stringify(value);
}
