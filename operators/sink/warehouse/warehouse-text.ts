/**
 * Text that every warehouse takes: PostgreSQL refuses NUL, and half a surrogate pair is no character. Both become U+FFFD:
 * one such row must not hold up all that follow.
 */
export function toWarehouseText(text: string): string {
  // Hot: most text needs no change, and a test is cheaper than a copy.
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  return whole.includes('\0') ? whole.replaceAll('\0', '\ufffd') : whole;
}
