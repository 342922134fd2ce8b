import type { RecordShape } from '../../../state/schema/shape.ts';
import { jsonName, PLAIN_JSON, type JsonRules } from './from-json.ts';

/** Objects that lie deeper or have more keys are taken as they come. */
const DEPTH_MAX = 4;
const KEYS_MAX = 128;

/** In which order an object's keys are written, those that nobody reads too. */
export interface KeyOrder {
  readonly keys: readonly string[];
  /** Keys that some of the objects do not have. */
  readonly optional: ReadonlySet<string>;
  /** Of the objects inside, by key. */
  readonly inner: ReadonlyMap<string, KeyOrder>;
  /** What stands behind colons and commas: nothing, or a blank. */
  readonly space: string;
}

/**
 * Learns from lines how a writer orders keys. A key that is left out in one line may be there in the next, and so may be an
 * object that is null.
 */
export class KeyOrderSamples {
  readonly #shape: RecordShape;
  readonly #rules: JsonRules;
  #order: MutableOrder | undefined;
  #isInOrder = true;

  constructor(shape: RecordShape, rules: JsonRules) {
    this.#shape = shape;
    this.#rules = rules;
  }

  /** Takes a line. */
  add(text: string): void {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return;
    }
    const space = /^\{"(?:[^"\\]|\\.)*": /.test(text) ? ' ' : '';
    const learned = orderOf(this.#shape, this.#rules, value, 0, space);
    if (this.#order === undefined) this.#order = learned;
    else if (learned !== undefined && !merge(this.#order, learned)) this.#isInOrder = false;
  }

  /** What has been learned. Undefined: nothing yet, or that there is no order. */
  get order(): KeyOrder | undefined {
    return this.#isInOrder ? this.#order : undefined;
  }
}

interface MutableOrder extends KeyOrder {
  readonly keys: string[];
  readonly optional: Set<string>;
  readonly inner: Map<string, MutableOrder>;
}

function orderOf(
  shape: RecordShape | undefined,
  rules: JsonRules,
  value: unknown,
  depth: number,
  space: string,
): MutableOrder | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const keys = Object.keys(value);
  if (depth === DEPTH_MAX || keys.length > KEYS_MAX) return undefined;
  const inner = new Map<string, MutableOrder>();
  for (const key of keys) {
    const field = shape?.fields.find(({ name }) => jsonName(rules, name) === key);
    const fieldShape = field?.shape.kind === 'optional' ? field.shape.value : field?.shape;
    const recordShape = fieldShape?.kind === 'record' ? fieldShape : undefined;
    const own = orderOf(recordShape, PLAIN_JSON, (value as Record<string, unknown>)[key], depth + 1, space);
    if (own !== undefined) inner.set(key, own);
  }
  return { keys, optional: new Set(), inner, space };
}

/** Returns false when the two contradict each other. */
function merge(known: MutableOrder, more: MutableOrder): boolean {
  for (const key of known.keys) if (!more.keys.includes(key)) known.optional.add(key);
  let last = -1;
  for (const key of more.keys) {
    const at = known.keys.indexOf(key);
    if (at < 0) {
      known.keys.splice(++last, 0, key);
      known.optional.add(key);
    } else if (at > last) last = at;
    else return false;
  }
  for (const [key, order] of more.inner) {
    const own = known.inner.get(key);
    if (own === undefined) known.inner.set(key, order);
    else if (!merge(own, order)) return false;
  }
  return true;
}
