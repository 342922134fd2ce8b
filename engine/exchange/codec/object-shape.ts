import type { ValueWriter } from './value-writer.ts';

/** Objects of more keys than this, and those that come when there are too many shapes already, are sent with their keys. */
export const SHAPE_KEYS_MAX = 128;
export const SHAPES_MAX = 2048;
/** Code is generated for so many shapes of a channel. */
export const GENERATED_SHAPES_MAX = 256;
/** Objects of a shape that come before code is generated for it. */
export const USES_BEFORE_CODE = 16;

/**
 * Writes an object.
 *
 * @param isChecked that the object is of the shape is known.
 * @returns false, and nothing is written, when the object is of another shape.
 */
export type ShapeWrite = (writer: ValueWriter, value: object, isChecked: boolean) => boolean;

/** The own enumerable string keys of an object, in order, and whether it has a prototype. */
export class ObjectShape {
  readonly id: number;
  readonly keys: readonly string[];
  readonly hasPrototype: boolean;
  /** Where the values of the keys are written from, by key. */
  readonly sites: readonly ValueSite[];
  uses = 0;
  write: ShapeWrite;

  constructor(id: number, keys: readonly string[], hasPrototype: boolean, write: ShapeWrite) {
    this.id = id;
    this.keys = keys;
    this.hasPrototype = hasPrototype;
    this.sites = keys.map(() => new ValueSite());
    this.write = write;
  }
}

const NO_SHAPE = new ObjectShape(-1, [], true, () => false);

/** A place that values come from: remembers the shapes of the last objects. */
export class ValueSite {
  shape: ObjectShape = NO_SHAPE;
  other: ObjectShape = NO_SHAPE;

  note(shape: ObjectShape): void {
    if (shape === this.shape) return;
    this.other = this.shape;
    this.shape = shape;
  }
}

interface ShapeNode {
  shape: ObjectShape | undefined;
  readonly next: Map<string, ShapeNode>;
}

/** The shapes met so far, by their keys. */
export class ShapeTree {
  readonly #roots: readonly [ShapeNode, ShapeNode] = [createNode(), createNode()];
  count = 0;

  find(keys: readonly string[], hasPrototype: boolean): ObjectShape | undefined {
    let node: ShapeNode | undefined = this.#roots[hasPrototype ? 1 : 0];
    for (let i = 0; i < keys.length && node !== undefined; i++) node = node.next.get(keys[i]!);
    return node?.shape;
  }

  add(shape: ObjectShape): void {
    let node = this.#roots[shape.hasPrototype ? 1 : 0];
    for (const key of shape.keys) {
      let next = node.next.get(key);
      if (next === undefined) node.next.set(key, (next = createNode()));
      node = next;
    }
    node.shape = shape;
    this.count++;
  }
}

function createNode(): ShapeNode {
  return { shape: undefined, next: new Map() };
}
