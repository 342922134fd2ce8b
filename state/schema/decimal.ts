import { UserError } from '../../engine/base/errors.ts';
import type { Schema } from './schema.ts';
import { ShapeSchema } from './shape-schema.ts';

export const DECIMAL_PRECISION_MAX = 38;

/**
 * An exact number of `precision` digits, `scale` of them after the point: a bigint of unscaled units, so that sums and
 * comparisons are plain bigint arithmetic (`decimal(18, 4)`: 12.5 is `125_000n`). `parseDecimal` and `formatDecimal`
 * convert to and from text; JSON and CSV hold the text, Avro, Parquet and SQL their own decimal.
 */
export function decimal(precision: number, scale: number): Schema<bigint> {
  const fits =
    Number.isInteger(precision) && Number.isInteger(scale) && precision >= 1 && precision <= DECIMAL_PRECISION_MAX;
  if (!fits || scale < 0 || scale > precision) {
    throw new UserError(
      'SCHEMA',
      `decimal: expected 1 <= precision <= ${DECIMAL_PRECISION_MAX} and 0 <= scale <= precision, found (${precision}, ${scale})`,
    );
  }
  return new ShapeSchema({ kind: 'decimal', precision, scale });
}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/**
 * The units of a decimal written as text: `parseDecimal('12.5', 4)` is `125_000n`. Undefined when the text is no number, or
 * has more digits after the point than `scale` holds: nothing is ever rounded.
 */
export function parseDecimal(text: string, scale: number): bigint | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const whole = match[2] ?? '';
  const fraction = match[3] ?? '';
  if (whole.length + fraction.length === 0) return undefined;
  const shift = scale - fraction.length + Number(match[4] ?? 0);
  let units = BigInt(whole + fraction);
  if (shift >= 0) {
    units *= 10n ** BigInt(shift);
  } else {
    const divisor = 10n ** BigInt(-shift);
    if (units % divisor !== 0n) return undefined;
    units /= divisor;
  }
  return match[1] === '-' ? -units : units;
}

/** All digits after the point are written: `formatDecimal(125_000n, 4)` is `12.5000`. */
export function formatDecimal(units: bigint, scale: number): string {
  const sign = units < 0n ? '-' : '';
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
