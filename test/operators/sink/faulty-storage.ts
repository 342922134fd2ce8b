import { ExternalError } from '../../../engine/base/errors.ts';
import type { ObjectEntry, ObjectStorage, PutCondition, StoredObject } from '../../../state/storage/object-storage.ts';

/** The process dies here. */
export class SimulatedCrash extends Error {}

/**
 * What happens at an operation. `crash-before` and `crash-after`: the process dies, the operation has or has not been
 * done. `error-before`, `error-after`: a retryable error, with or without the operation done.
 */
export type Fault = 'crash-before' | 'crash-after' | 'error-before' | 'error-after';

/** Counts the operations of one attempt on its servers, and decides which of them fail. */
export class FaultPlan {
  operationCount = 0;
  readonly #faultByOperation: ReadonlyMap<number, Fault>;
  #isDead = false;

  constructor(faults: readonly (readonly [operation: number, fault: Fault])[] = []) {
    this.#faultByOperation = new Map(faults);
  }

  async perform<R>(what: string, operation: () => Promise<R>): Promise<R> {
    if (this.#isDead) throw new SimulatedCrash('dead already');
    const fault = this.#faultByOperation.get(this.operationCount++);
    if (fault === undefined) return operation();
    const isDone = fault.endsWith('after');
    if (isDone) await operation();
    if (fault.startsWith('crash')) {
      this.#isDead = true;
      throw new SimulatedCrash(what);
    }
    throw new ExternalError('CONNECTION', `simulated: ${what} ${isDone ? 'done, reply lost' : 'not done'}`);
  }
}

/** A storage whose operations fail by plan. */
export class FaultyStorage implements ObjectStorage {
  readonly #inner: ObjectStorage;
  readonly #plan: FaultPlan;

  constructor(inner: ObjectStorage, plan: FaultPlan) {
    this.#inner = inner;
    this.#plan = plan;
  }

  get description(): string {
    return this.#inner.description;
  }

  url(key: string): string {
    return this.#inner.url(key);
  }

  get(key: string): Promise<StoredObject | undefined> {
    return this.#plan.perform(`get ${key}`, () => this.#inner.get(key));
  }

  getRange(key: string, offset: number, length: number): Promise<Uint8Array> {
    return this.#plan.perform(`getRange ${key}`, () => this.#inner.getRange(key, offset, length));
  }

  put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<string> {
    return this.#plan.perform(`put ${key}`, () => this.#inner.put(key, bytes, condition));
  }

  delete(keys: readonly string[]): Promise<void> {
    return this.#plan.perform(`delete ${keys.join(', ')}`, () => this.#inner.delete(keys));
  }

  list(prefix: string): Promise<ObjectEntry[]> {
    return this.#plan.perform(`list ${prefix}`, () => this.#inner.list(prefix));
  }
}
