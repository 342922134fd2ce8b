import type { RecordError } from '../../../engine/base/errors.ts';
import { DecodeOutput, type DecodeFormat, type RecordDecoder } from '../../../operators/format/decode-format.ts';
import { jsonLines } from '../../../operators/format/json/json.ts';
import { optional } from '../../../state/schema/optional.ts';
import { record, type RecordFields, type RecordSchema } from '../../../state/schema/record.ts';

type Kind = 'person' | 'auction' | 'bid';
type Branches = { readonly [K in Kind]?: RecordSchema<RecordFields> | undefined };
type Line = { readonly [K in Kind]?: { type?: Kind } | undefined };

/**
 * Lines with the three kinds of events beside each other, two of them null. Kinds that are not read are passed over.
 *
 * @param isTagged whether events say by `type` which kind they are.
 */
export function jsonEvents<T>(branches: Branches, isTagged: boolean): DecodeFormat<T> {
  const kinds = (['person', 'auction', 'bid'] as const).filter((kind) => branches[kind] !== undefined);
  const fields = Object.fromEntries(kinds.map((kind) => [kind, optional(branches[kind]!)]));
  const lines = jsonLines(record('Line', fields) as unknown as Parameters<typeof jsonLines<Line>>[0]);
  return {
    description: lines.description,
    createDecoder: (framing) => new JsonEventDecoder<T>(lines.createDecoder(framing), kinds, isTagged),
  };
}

class JsonEventDecoder<T> implements RecordDecoder<T> {
  readonly #lines: RecordDecoder<Line>;
  readonly #events: EventOutput<T>;

  constructor(lines: RecordDecoder<Line>, kinds: readonly Kind[], isTagged: boolean) {
    this.#lines = lines;
    this.#events = new EventOutput<T>(kinds, isTagged);
  }

  decode(bytes: Buffer, start: number, end: number, isEnd: boolean, output: DecodeOutput<T>): number {
    this.#events.output = output;
    return this.#lines.decode(bytes, start, end, isEnd, this.#events);
  }

  findStart(bytes: Buffer, from: number, end: number): number {
    return this.#lines.findStart!(bytes, from, end);
  }
}

class EventOutput<T> extends DecodeOutput<Line> {
  output: DecodeOutput<T> | undefined;
  readonly #kinds: readonly Kind[];
  readonly #isTagged: boolean;

  constructor(kinds: readonly Kind[], isTagged: boolean) {
    super();
    this.#kinds = kinds;
    this.#isTagged = isTagged;
  }

  record(line: Line, end: number): void {
    const kinds = this.#kinds;
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[i]!;
      const event = line[kind];
      if (event === undefined) continue;
      if (this.#isTagged) event.type = kind;
      this.output!.record(event as T, end);
      return;
    }
  }

  reject(error: RecordError, start: number, end: number): void {
    this.output!.reject(error, start, end);
  }
}
