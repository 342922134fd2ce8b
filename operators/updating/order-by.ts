import { UserError } from '../../engine/base/errors.ts';
import type { OrderedField } from '../process/rolling.ts';

/** Negative when `a` comes before `b`, positive when after, 0 when the order says nothing of them. */
export type Compare<T> = (a: T, b: T) => number;

export interface OrderField<T> {
  readonly field: OrderedField<T>;
  /** Default `asc`: the smallest first. A missing value is smaller than all others, NaN larger. */
  readonly direction?: 'asc' | 'desc' | undefined;
}

/** An order of rows: by a field, by several of them one after the other, or by a function. */
export type OrderBy<T> = OrderField<T> | readonly OrderField<T>[] | Compare<T>;

/** @throws UserError JOB_DEFINITION when it names no field. */
export function compareBy<T>(orderBy: OrderBy<T> | undefined, uid: string): Compare<T> {
  if (typeof orderBy === 'function') return orderBy;
  const fields = Array.isArray(orderBy) ? (orderBy as readonly OrderField<T>[]) : [orderBy as OrderField<T>];
  if (fields.length === 0 || fields.some((order) => typeof order?.field !== 'string')) {
    throw new UserError('JOB_DEFINITION', `'${uid}' needs an order of rows, found ${JSON.stringify(orderBy)}`, {
      hint: "Write orderBy: { field: 'price', direction: 'desc' }, several of them in an array, or a function (a, b) => number.",
    });
  }
  const compares = fields.map(compareField);
  if (compares.length === 1) return compares[0]!;
  if (compares.length === 2) {
    const [first, second] = compares as [Compare<T>, Compare<T>];
    return (a, b) => first(a, b) || second(a, b);
  }
  return (a, b) => {
    for (const compare of compares) {
      const order = compare(a, b);
      if (order !== 0) return order;
    }
    return 0;
  };
}

/** Stands for whatever `<` compares. */
type Comparable = number;

function compareField<T>({ field, direction }: OrderField<T>): Compare<T> {
  const sign = direction === 'desc' ? -1 : 1;
  return (a, b) => {
    const left = a[field] as Comparable | null;
    const right = b[field] as Comparable | null;
    // For `<` a null is a 0.
    if (left !== null && right !== null) {
      if (left < right) return -sign;
      if (left > right) return sign;
    }
    if (left === right) return 0;
    return sign * (placeOf(left) - placeOf(right));
  };
}

/** Of values that `<` does not compare: a missing one is smaller than all others, NaN larger. */
function placeOf(value: unknown): number {
  if (value === undefined || value === null) return -1;
  return Number.isNaN(value) ? 1 : 0;
}
