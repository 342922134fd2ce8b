import type { Encoding } from 'hyparquet';
import type { ByteWriter } from '../../../engine/base/bytes.ts';
import { ColumnBuffer } from './column-buffer.ts';

const TWO_32 = 0x1_0000_0000;

/** Columns whose values are JavaScript numbers, written PLAIN as they come. */
abstract class NumberColumn extends ColumnBuffer {
  protected min = Infinity;
  protected max = -Infinity;

  protected override writeValues(writer: ByteWriter): Encoding {
    writer.bytes(this.body.written());
    this.body.clear();
    return 'PLAIN';
  }

  protected override dictionary(): undefined {
    return undefined;
  }

  protected override range(): { readonly min: unknown; readonly max: unknown } | undefined {
    return this.min <= this.max ? { min: this.min, max: this.max } : undefined;
  }

  protected override reset(): void {
    this.min = Infinity;
    this.max = -Infinity;
  }
}

/** INT32 from integers of 32 bits. */
export class Int32Column extends NumberColumn {
  protected override appendValue(value: unknown): void {
    const number = value as number;
    if ((number | 0) !== number) throw this.misfit(value, 'an integer of 32 bits');
    if (number < this.min) this.min = number;
    if (number > this.max) this.max = number;
    const at = this.body.reserve(4);
    this.body.view.setInt32(at, number, true);
  }
}

/** INT64 from safe integers, without a bigint per value. */
export class Int64Column extends NumberColumn {
  protected override appendValue(value: unknown): void {
    const number = value as number;
    if (!Number.isSafeInteger(number)) throw this.misfit(value, 'an integer below 2^53 in magnitude');
    if (number < this.min) this.min = number;
    if (number > this.max) this.max = number;
    const at = this.body.reserve(8);
    this.body.view.setInt32(at, number | 0, true);
    this.body.view.setInt32(at + 4, Math.floor(number / TWO_32), true);
  }
}

/** INT64 microseconds from integer milliseconds. */
export class TimestampColumn extends NumberColumn {
  protected override appendValue(value: unknown): void {
    const number = value as number;
    if (!Number.isSafeInteger(number)) throw this.misfit(value, 'integer milliseconds');
    if (number < this.min) this.min = number;
    if (number > this.max) this.max = number;
    const at = this.body.reserve(8);
    const micros = number * 1000;
    if (!Number.isSafeInteger(micros)) {
      this.body.view.setBigInt64(at, BigInt(number) * 1000n, true);
      return;
    }
    this.body.view.setInt32(at, micros | 0, true);
    this.body.view.setInt32(at + 4, Math.floor(micros / TWO_32), true);
  }

  protected override range(): { readonly min: unknown; readonly max: unknown } | undefined {
    return this.min <= this.max ? { min: BigInt(this.min) * 1000n, max: BigInt(this.max) * 1000n } : undefined;
  }
}

/** DOUBLE. NaN is stored, and has no part in the range. */
export class DoubleColumn extends NumberColumn {
  protected override appendValue(value: unknown): void {
    if (typeof value !== 'number') throw this.misfit(value, 'a number');
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    const at = this.body.reserve(8);
    this.body.view.setFloat64(at, value, true);
  }

  /** Zero has two signs that compare equal: the range must hold both. */
  protected override range(): { readonly min: unknown; readonly max: unknown } | undefined {
    if (!(this.min <= this.max)) return undefined;
    return { min: this.min === 0 ? -0 : this.min, max: this.max === 0 ? 0 : this.max };
  }
}

/** FLOAT: the nearest number of 32 bits. */
export class FloatColumn extends DoubleColumn {
  protected override appendValue(value: unknown): void {
    if (typeof value !== 'number') throw this.misfit(value, 'a number');
    const rounded = Math.fround(value);
    if (rounded < this.min) this.min = rounded;
    if (rounded > this.max) this.max = rounded;
    const at = this.body.reserve(4);
    this.body.view.setFloat32(at, rounded, true);
  }
}

/** BOOLEAN: one bit per value, eight to a byte. */
export class BooleanColumn extends NumberColumn {
  protected override appendValue(value: unknown): void {
    if (typeof value !== 'boolean') throw this.misfit(value, 'true or false');
    const bit = value ? 1 : 0;
    if (bit < this.min) this.min = bit;
    if (bit > this.max) this.max = bit;
    const index = this.pageValues & 7;
    if (index === 0) this.body.u8(bit);
    else this.body.buffer[this.body.length - 1]! |= bit << index;
  }

  protected override range(): { readonly min: unknown; readonly max: unknown } | undefined {
    return this.min <= this.max ? { min: this.min === 1, max: this.max === 1 } : undefined;
  }
}
