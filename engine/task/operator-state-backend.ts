import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { UserError } from '../base/errors.ts';
import type { OperatorStateSnapshot } from '../checkpoint/manifest.ts';
import type {
  BroadcastState,
  BroadcastStateDescriptor,
  OperatorListState,
  OperatorStateBackend,
  OperatorStateDescriptor,
} from './operator-state.ts';
import type { Json } from './source.ts';

type Mode = OperatorStateSnapshot['mode'];

interface RegisteredState {
  readonly mode: Mode;
  readonly schema: Json;
  /** One encoded element each. */
  encode(): string[];
}

/** Operator state in memory; restored from and written to the manifest, element by element. */
export class MemoryOperatorStateBackend implements OperatorStateBackend {
  readonly #restored = new Map<string, OperatorStateSnapshot>();
  readonly #states = new Map<string, RegisteredState>();
  readonly #operatorUid: string;

  /** @param restored what the restore plan assigned to this subtask. */
  constructor(operatorUid: string, restored: readonly OperatorStateSnapshot[]) {
    this.#operatorUid = operatorUid;
    for (const state of restored) this.#restored.set(state.name, state);
  }

  listState<T>(descriptor: OperatorStateDescriptor<T>): OperatorListState<T> {
    return this.#list(descriptor, 'list');
  }

  unionListState<T>(descriptor: OperatorStateDescriptor<T>): OperatorListState<T> {
    return this.#list(descriptor, 'union');
  }

  broadcastState<K extends string | number, V>(descriptor: BroadcastStateDescriptor<K, V>): BroadcastState<K, V> {
    const { keySchema, schema } = descriptor;
    const entries = new Map<K, V>();
    for (const reader of this.#restoredElements(descriptor.name, 'broadcast'))
      entries.set(keySchema.decode(reader), schema.decode(reader));
    this.#register(descriptor.name, {
      mode: 'broadcast',
      schema: [keySchema.avro as Json, schema.avro as Json],
      encode: () =>
        [...entries].map(([key, value]) =>
          encodeElement((writer) => {
            keySchema.encode(writer, key);
            schema.encode(writer, value);
          }),
        ),
    });
    return entries;
  }

  /** What goes into the manifest; states that the job no longer declares are kept as they were. */
  snapshot(): OperatorStateSnapshot[] {
    const snapshots: OperatorStateSnapshot[] = [];
    for (const [name, state] of this.#states) {
      snapshots.push({ name, mode: state.mode, schema: state.schema, entries: state.encode() });
    }
    for (const [name, state] of this.#restored) if (!this.#states.has(name)) snapshots.push(state);
    return snapshots;
  }

  #list<T>(descriptor: OperatorStateDescriptor<T>, mode: 'list' | 'union'): OperatorListState<T> {
    const { schema } = descriptor;
    let values: T[] = this.#restoredElements(descriptor.name, mode).map((reader) => schema.decode(reader));
    this.#register(descriptor.name, {
      mode,
      schema: schema.avro as Json,
      encode: () => values.map((value) => encodeElement((writer) => schema.encode(writer, value))),
    });
    return {
      get: () => values,
      add: (value) => void values.push(value),
      update: (next) => void (values = [...next]),
    };
  }

  #register(name: string, state: RegisteredState): void {
    if (this.#states.has(name)) {
      throw new UserError(
        'JOB_DEFINITION',
        `operator '${this.#operatorUid}' declares the operator state '${name}' twice`,
      );
    }
    this.#states.set(name, state);
  }

  #restoredElements(name: string, mode: Mode): ByteReader[] {
    const restored = this.#restored.get(name);
    if (restored === undefined) return [];
    if (restored.mode !== mode) {
      throw new UserError(
        'STATE_INCOMPATIBLE',
        `operator state '${name}' of '${this.#operatorUid}' was written as ${restored.mode}, the job reads it as ${mode}`,
      );
    }
    return restored.entries.map((entry) => new ByteReader(Buffer.from(entry, 'base64')));
  }
}

function encodeElement(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter(64);
  write(writer);
  return writer.written().toString('base64');
}
