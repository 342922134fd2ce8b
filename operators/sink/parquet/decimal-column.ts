import type { Encoding, SchemaElement } from 'hyparquet';
import type { ByteWriter } from '../../../engine/base/bytes.ts';
import { ColumnBuffer } from './column-buffer.ts';
import type { ParquetCompression } from './compression.ts';

/** Bytes of the smallest two's complement number that holds `precision` digits. */
export function decimalBytes(precision: number): number {
  const limit = 10n ** BigInt(precision) - 1n;
  let byteCount = 1;
  while ((1n << BigInt(byteCount * 8 - 1)) - 1n < limit) byteCount++;
  return byteCount;
}

/** DECIMAL from unscaled bigints: INT32 up to 9 digits, INT64 up to 18, else big-endian bytes. Exact. */
export class DecimalColumn extends ColumnBuffer {
  readonly #limit: bigint;
  #min: bigint | undefined;
  #max: bigint | undefined;

  constructor(element: SchemaElement, compression: ParquetCompression) {
    super(element, compression);
    this.#limit = 10n ** BigInt(element.precision!);
  }

  protected override appendValue(value: unknown): void {
    if (typeof value !== 'bigint' || value >= this.#limit || value <= -this.#limit) {
      throw this.misfit(value, `a bigint of at most ${this.element.precision} digits`);
    }
    if (this.#min === undefined || value < this.#min) this.#min = value;
    if (this.#max === undefined || value > this.#max) this.#max = value;
    switch (this.element.type) {
      case 'INT32': {
        const at = this.body.reserve(4);
        this.body.view.setInt32(at, Number(value), true);
        break;
      }
      case 'INT64': {
        const at = this.body.reserve(8);
        this.body.view.setBigInt64(at, value, true);
        break;
      }
      default:
        this.#appendBigEndian(value, this.element.type_length!);
    }
  }

  protected override writeValues(writer: ByteWriter): Encoding {
    writer.bytes(this.body.written());
    this.body.clear();
    return 'PLAIN';
  }

  protected override dictionary(): undefined {
    return undefined;
  }

  protected override range(): { readonly min: unknown; readonly max: unknown } | undefined {
    return this.#min === undefined ? undefined : { min: this.#min, max: this.#max };
  }

  protected override reset(): void {
    this.#min = undefined;
    this.#max = undefined;
  }

  #appendBigEndian(value: bigint, byteCount: number): void {
    const at = this.body.reserve(byteCount);
    let rest = value;
    for (let i = byteCount - 1; i >= 0; i--) {
      this.body.buffer[at + i] = Number(rest & 0xffn);
      rest >>= 8n;
    }
  }
}
