import { RowError, shown } from './row-error.ts';

const DECIMAL = /^(\d{1,9})(?:\.(\d{1,6}))?$/;
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/**
 * Micros of a decimal number of currency units, exactly: no floating point is involved.
 *
 * @throws RowError RANGE for anything but digits with at most six decimals (so no sign, no exponent).
 */
export function decimalToMicros(field: string, text: string): number {
  const match = DECIMAL.exec(text);
  if (match === null)
    throw new RowError('RANGE', `${field}: expected a decimal number of at least 0, found ${shown(text)}`);
  return Number(match[1]) * 1_000_000 + Number((match[2] ?? '').padEnd(6, '0'));
}

/** @throws RowError RANGE for a code that ISO-4217 does not list. */
export function checkCurrency(field: string, code: string): string {
  if (CURRENCIES.has(code)) return code;
  throw new RowError('RANGE', `${field}: expected an ISO-4217 currency code, found ${shown(code)}`);
}

/** @throws RowError RANGE. */
export function checkMicros(field: string, micros: number): number {
  if (Number.isSafeInteger(micros) && micros >= 0) return micros;
  throw new RowError('RANGE', `${field}: expected whole micros of at least 0, found ${shown(micros)}`);
}
