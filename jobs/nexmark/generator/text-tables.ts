import { SplitMix } from './split-mix.ts';

/** Length of the text that `extra` fields are cut from. */
const TEXT_SIZE = 1 << 20;
const CACHED_CHANNEL_COUNT = 10_000;
const LETTER_A = 0x61;

export const FIRST_NAMES = 'Peter Paul Luke John Saul Vicky Kate Julie Sarah Deiter Walter'.split(' ');
export const LAST_NAMES = 'Shultz Abrams Spencer White Bartels Walton Smith Jones Noris'.split(' ');
export const CITIES = [
  'Phoenix',
  'Los Angeles',
  'San Francisco',
  'Boise',
  'Portland',
  'Bend',
  'Redmond',
  'Seattle',
  'Kent',
  'Cheyenne',
];
export const STATES = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY'];
export const HOT_CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple'];

/** The texts that all events of one seed share. */
export interface TextTables {
  readonly text: string;
  readonly hotUrls: readonly string[];
  readonly channels: readonly string[];
  readonly channelUrls: readonly string[];
}

export function createTextTables(seed: number): TextTables {
  const random = new SplitMix();
  random.reseed(seed, -1);
  const letters = Buffer.allocUnsafe(TEXT_SIZE);
  for (let i = 0; i < TEXT_SIZE; i++) letters[i] = LETTER_A + random.below(26);
  const hotUrls = HOT_CHANNELS.map(() => randomUrl(random));
  const channels = Array.from({ length: CACHED_CHANNEL_COUNT }, (_, i) => `channel-${i}`);
  const channelUrls = channels.map((_, i) => {
    const url = randomUrl(random);
    return random.below(10) > 0 ? `${url}&channel_id=${Math.abs(reversedBits(i)) | 0}` : url;
  });
  return { text: letters.toString('latin1'), hotUrls, channels, channelUrls };
}

/** Up to `maxLength` letters with the special character between them now and then, trimmed. */
export function randomString(random: SplitMix, maxLength: number, special: string): string {
  const length = 3 + random.below(maxLength - 3);
  let text = '';
  for (let i = 0; i < length; i++)
    text += random.below(13) === 0 ? special : String.fromCharCode(LETTER_A + random.below(26));
  return text.trim();
}

/** Between 80 % and 120 % of what a record of `size` bytes lacks to `average`; nothing when it has more. */
export function randomExtra(random: SplitMix, tables: TextTables, size: number, average: number): string {
  if (size > average) return '';
  const missing = average - size;
  const delta = Math.round(0.2 * missing);
  const length = missing - delta + (delta === 0 ? 0 : random.below(2 * delta));
  const start = random.below(TEXT_SIZE - length);
  return tables.text.slice(start, start + length);
}

function randomUrl(random: SplitMix): string {
  const part = (): string => randomString(random, 5, '_');
  return `https://www.nexmark.com/${part()}/${part()}/${part()}/item.htm?query=1`;
}

/** The bits of a 32-bit integer from last to first, as a signed one; the smallest stays itself under `Math.abs(…) | 0`. */
function reversedBits(value: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) if ((value >>> bit) & 1) reversed |= 1 << (31 - bit);
  return reversed;
}
