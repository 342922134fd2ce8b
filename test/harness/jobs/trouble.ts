/** What goes wrong in a function of a job. */
export type TroubleKind = 'throw' | 'exit' | 'reject' | 'hang' | 'out-of-memory';

/** Goes wrong once, on whatever thread comes first to so many records: the memory is shared by all of them. */
export interface Trouble {
  readonly kind: TroubleKind;
  readonly afterRecords: number;
  /** i32: records so far, on all threads; i32: times it has happened. */
  readonly memory: SharedArrayBuffer;
  /** How often. Default once. */
  readonly times?: number | undefined;
}

export class SomethingWrong extends Error {
  override readonly name = 'SomethingWrong';
  readonly detail = 'as plain data';
}

export function createTrouble(kind: TroubleKind, afterRecords: number, times: number = 1): Trouble {
  return { kind, afterRecords, memory: new SharedArrayBuffer(8), times };
}

/** Passes on every value, until it goes wrong. */
export function troubled<T>(trouble: Trouble | undefined): (value: T) => T {
  if (trouble === undefined) return (value) => value;
  const counts = new Int32Array(trouble.memory);
  return (value) => {
    const count = Atomics.add(counts, 0, 1) + 1;
    if (count > trouble.afterRecords && Atomics.add(counts, 1, 1) < (trouble.times ?? 1)) goWrong(trouble.kind);
    return value;
  };
}

function goWrong(kind: TroubleKind): void {
  switch (kind) {
    case 'throw':
      throw new SomethingWrong('this record is wrong');
    case 'exit':
      process.exit(7);
    case 'reject':
      void Promise.reject(new SomethingWrong('nobody waits for this'));
      return;
    case 'hang':
      for (;;);
    case 'out-of-memory': {
      const kept: unknown[] = [];
      for (;;) kept.push({ text: `${kept.length}` });
    }
  }
}
