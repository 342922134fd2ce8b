import { AlignmentGroup, type AlignmentMember, HOLDS_NOBODY_BACK } from './alignment-group.ts';
import { MIN_TIMESTAMP_MS } from './timestamps.ts';

/*
 * Memory: i32 version, 4 bytes unused, then an f64 per member: its position. The version rises after each change of a
 * position, so who sees the new one sees the position too.
 */
const POSITIONS_START = 8;

/** The positions of all members of a group, on whatever thread; can be sent to them. */
export interface SharedPositions {
  readonly memory: SharedArrayBuffer;
}

/** Every member holds all others at the start of time until it has reported. */
export function createSharedPositions(memberCount: number): SharedPositions {
  const memory = new SharedArrayBuffer(POSITIONS_START + memberCount * 8);
  const positions = new BigInt64Array(memory, POSITIONS_START);
  positions.fill(bitsOf(MIN_TIMESTAMP_MS));
  return { memory };
}

/** An alignment group whose members are on several threads: each has a slot in [0, `memberCount`). */
export class SharedAlignmentGroup extends AlignmentGroup {
  readonly #version: Int32Array;
  readonly #positions: BigInt64Array;
  readonly #onChanged: () => void;
  #seenVersion = -1;
  #seenMinimumMs = HOLDS_NOBODY_BACK;

  /** @param onMinimumChanged members that are held may be read again, on this thread and on others. */
  constructor({ memory }: SharedPositions, onMinimumChanged: () => void) {
    super(() => {});
    this.#version = new Int32Array(memory, 0, 1);
    this.#positions = new BigInt64Array(memory, POSITIONS_START);
    this.#onChanged = onMinimumChanged;
  }

  override get minimumMs(): number {
    const version = Atomics.load(this.#version, 0);
    if (version !== this.#seenVersion) {
      this.#seenVersion = version;
      this.#seenMinimumMs = this.#lowest();
    }
    return this.#seenMinimumMs;
  }

  override leave(member: AlignmentMember): void {
    super.leave(member);
    this.#publish(member.slot, HOLDS_NOBODY_BACK);
  }

  override combine(): void {
    for (const { positionMs, slot } of this.members) this.#publish(slot, positionMs);
  }

  #publish(slot: number, positionMs: number): void {
    const bits = bitsOf(positionMs);
    if (this.#positions[slot] === bits) return;
    const beforeMs = this.minimumMs;
    Atomics.store(this.#positions, slot, bits);
    Atomics.add(this.#version, 0, 1);
    if (this.minimumMs !== beforeMs) this.#onChanged();
  }

  #lowest(): number {
    let lowestMs = HOLDS_NOBODY_BACK;
    for (let slot = 0; slot < this.#positions.length; slot++) {
      const positionMs = numberOf(Atomics.load(this.#positions, slot));
      if (positionMs < lowestMs) lowestMs = positionMs;
    }
    return lowestMs;
  }
}

const scratch = new DataView(new ArrayBuffer(8));

function bitsOf(value: number): bigint {
  scratch.setFloat64(0, value);
  return scratch.getBigInt64(0);
}

function numberOf(bits: bigint): number {
  scratch.setBigInt64(0, bits);
  return scratch.getFloat64(0);
}
