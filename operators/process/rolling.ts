/** The fields of a record that can be added up. */
export type NumericField<T> = {
  [F in keyof T & string]: T[F] extends number | bigint ? F : never;
}[keyof T & string];

/** The fields of a record that have an order. */
export type OrderedField<T> = {
  [F in keyof T & string]: T[F] extends number | bigint | string | boolean ? F : never;
}[keyof T & string];

type Reduce<T> = (accumulated: T, value: T) => T;

/** Adds up a field; the others stay as in the first record. */
export function sumOf<T>(field: NumericField<T>): Reduce<T> {
  return (accumulated, value) => ({
    ...accumulated,
    [field]: (accumulated[field] as number) + (value[field] as number),
  });
}

/** Keeps the smallest value of a field; the other fields stay as in the first record. */
export function minOf<T>(field: OrderedField<T>): Reduce<T> {
  return (accumulated, value) =>
    value[field] < accumulated[field] ? { ...accumulated, [field]: value[field] } : accumulated;
}

export function maxOf<T>(field: OrderedField<T>): Reduce<T> {
  return (accumulated, value) =>
    value[field] > accumulated[field] ? { ...accumulated, [field]: value[field] } : accumulated;
}

/** Keeps the record with the smallest value of a field; of equal ones the first. */
export function minBy<T>(field: OrderedField<T>): Reduce<T> {
  return (accumulated, value) => (value[field] < accumulated[field] ? value : accumulated);
}

export function maxBy<T>(field: OrderedField<T>): Reduce<T> {
  return (accumulated, value) => (value[field] > accumulated[field] ? value : accumulated);
}
