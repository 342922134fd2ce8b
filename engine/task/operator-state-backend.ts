import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { UserError } from '../base/errors.ts';
import { decoderOf } from '../../state/keyed/create-slot-codec.ts';
import { incompatibleState, shownSchema } from '../../state/keyed/state-fit.ts';
import type { OperatorStateSnapshot } from '../checkpoint/manifest.ts';
import { isPlaceholderUid } from '../graph/uid.ts';
import type {
  BroadcastState,
  BroadcastStateDescriptor,
  OperatorListState,
  OperatorStateBackend,
  OperatorStateDescriptor,
} from './operator-state.ts';
import { type DeclaredOperatorState, fitOperatorState, storedSchemas } from './operator-state-fit.ts';
import type { Json } from './source.ts';

interface RegisteredState extends DeclaredOperatorState {
  /** One encoded element each. */
  readonly encode: () => string[];
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
    const { name, keySchema, schema } = descriptor;
    const entries = new Map<K, V>();
    this.#register({
      name,
      mode: 'broadcast',
      keySchema,
      schema,
      encode: () =>
        [...entries].map(([key, value]) =>
          encodeElement((writer) => {
            keySchema.encode(writer, key);
            schema.encode(writer, value);
          }),
        ),
    });
    const { stored, subject } = this.#restoredOf(name);
    if (stored === undefined) return entries;
    const schemas = storedSchemas(stored);
    const decodeKey = decoderOf(schemas.keySchema!, keySchema, `key of ${subject}`);
    const decode = decoderOf(schemas.schema, schema, subject);
    for (const reader of readersOf(stored)) entries.set(decodeKey(reader), decode(reader));
    return entries;
  }

  /** The states declared so far. */
  get declared(): readonly DeclaredOperatorState[] {
    return [...this.#states.values()];
  }

  /** What goes into the manifest; states that the job no longer declares are kept as they were. */
  snapshot(): OperatorStateSnapshot[] {
    const snapshots: OperatorStateSnapshot[] = [];
    for (const { name, mode, keySchema, schema, encode } of this.#states.values()) {
      const avro = keySchema === undefined ? schema.avro : [keySchema.avro, schema.avro];
      snapshots.push({ name, mode, schema: avro as Json, entries: encode() });
    }
    for (const [name, state] of this.#restored) if (!this.#states.has(name)) snapshots.push(state);
    return snapshots;
  }

  #list<T>(descriptor: OperatorStateDescriptor<T>, mode: 'list' | 'union'): OperatorListState<T> {
    const { name, schema } = descriptor;
    let values: T[] = [];
    this.#register({
      name,
      mode,
      schema,
      encode: () => values.map((value) => encodeElement((writer) => schema.encode(writer, value))),
    });
    const { stored, subject } = this.#restoredOf(name);
    if (stored !== undefined) {
      const decode = decoderOf(storedSchemas(stored).schema, schema, subject);
      values = readersOf(stored).map((reader) => decode(reader));
    }
    return {
      get: () => values,
      add: (value) => void values.push(value),
      update: (next) => void (values = [...next]),
    };
  }

  #register(state: RegisteredState): void {
    if (isPlaceholderUid(this.#operatorUid)) {
      throw new UserError('JOB_DEFINITION', `the operator state '${state.name}' belongs to an operator without a uid`, {
        hint: "Give the operator { uid: '...' }: the uid is how a checkpoint finds its state again.",
      });
    }
    if (this.#states.has(state.name)) {
      throw new UserError(
        'JOB_DEFINITION',
        `operator '${this.#operatorUid}' declares the operator state '${state.name}' twice`,
      );
    }
    this.#states.set(state.name, state);
  }

  /** What is stored of a registered state. @throws UserError STATE_INCOMPATIBLE when it does not fit. */
  #restoredOf(name: string): { readonly stored: OperatorStateSnapshot | undefined; readonly subject: string } {
    const subject = `state ${name} of operator ${this.#operatorUid}`;
    const stored = this.#restored.get(name);
    const declared = this.#states.get(name)!;
    const fit = stored === undefined ? undefined : fitOperatorState(stored, declared);
    if (stored !== undefined && fit?.kind === 'incompatible') {
      const avro = { keySchema: declared.keySchema?.avro, schema: declared.schema.avro };
      throw incompatibleState(subject, fit, {
        stored: shownSchema(storedSchemas(stored)),
        declared: shownSchema(avro),
      });
    }
    return { stored, subject };
  }
}

function readersOf(stored: OperatorStateSnapshot): ByteReader[] {
  return stored.entries.map((entry) => new ByteReader(Buffer.from(entry, 'base64')));
}

function encodeElement(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter(64);
  write(writer);
  return writer.written().toString('base64');
}
