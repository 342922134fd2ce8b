import { UserError } from '../base/errors.ts';
import type { Key } from '../../state/keyed/key.ts';

/** A text may be a string key or what it reads as; where the type is not told both are tried, the string first. */
export function keysOf(text: string, type: string | undefined): Key[] {
  switch (type) {
    case undefined:
      return [text, ...numbersOf(text), ...booleansOf(text)];
    case 'string':
      return [text];
    case 'number':
      return oneOf(numbersOf(text), 'a number', text);
    case 'boolean':
      return oneOf(booleansOf(text), 'true or false', text);
    case 'bigint':
      if (/^-?\d+$/.test(text)) return [BigInt(text)];
      throw new UserError('CONFIGURATION', `expected an integer as key, found '${text}'`);
    default:
      throw new UserError('CONFIGURATION', `keyType: expected string, number, bigint or boolean, found '${type}'`);
  }
}

/** The number that a text reads as, if it does. */
export function numbersOf(text: string): number[] {
  return text.trim() !== '' && Number.isFinite(Number(text)) ? [Number(text)] : [];
}

function booleansOf(text: string): boolean[] {
  return text === 'true' || text === 'false' ? [text === 'true'] : [];
}

function oneOf<T extends Key>(keys: readonly T[], expected: string, found: string): Key[] {
  if (keys.length > 0) return [...keys];
  throw new UserError('CONFIGURATION', `expected ${expected} as key, found '${found}'`);
}
