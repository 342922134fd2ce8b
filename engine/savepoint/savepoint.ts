import { ByteReader } from '../base/bytes.ts';
import { createNodeEnvironment } from '../base/environment-node.ts';
import type { Environment } from '../base/environment.ts';
import { UserError } from '../base/errors.ts';
import { decoderOf } from '../../state/keyed/create-slot-codec.ts';
import type { Key } from '../../state/keyed/key.ts';
import { keyGroupOf } from '../../state/keyed/key-group.ts';
import type { StateFormat } from '../../state/keyed/state-format.ts';
import type { OfflineStateSpecs, StoredKeyedEntry } from '../../state/offline/keyed-entry.ts';
import { descriptorsOf, newestFormats, readKeyedEntries } from '../../state/offline/keyed-state-reader.ts';
import { parseAvroSchema } from '../../state/schema/parse-avro-schema.ts';
import type { AvroSchema, Schema } from '../../state/schema/schema.ts';
import type { StateFile } from '../../state/snapshot/state-file.ts';
import { kindOfStored } from '../checkpoint/compatibility.ts';
import { findCheckpoint } from '../checkpoint/find-checkpoint.ts';
import type {
  CheckpointManifest,
  FoundCheckpoint,
  OperatorSnapshot,
  OperatorStateSnapshot,
} from '../checkpoint/manifest.ts';
import { readFormats } from '../checkpoint/stored-states.ts';
import { storedSchemas } from '../task/operator-state-fit.ts';

/** What a savepoint holds of one operator. */
export interface SavepointOperator {
  readonly uid: string;
  /** For people, as the job named it. */
  readonly name: string;
  readonly kind: 'source' | 'operator' | 'sink' | undefined;
  readonly parallelism: number;
  readonly maxParallelism: number;
  /** In their newest format. */
  readonly keyedStates: readonly StateFormat[];
  readonly operatorStates: readonly {
    readonly name: string;
    readonly mode: OperatorStateSnapshot['mode'];
    /** Broadcast state only. */
    readonly keySchema?: AvroSchema | undefined;
    readonly schema: AvroSchema;
    /** Elements of all subtasks together; of broadcast state the entries of one. */
    readonly elementCount: number;
  }[];
  /** Bytes of the files of keyed state, and the pages in them: at least one per key. */
  readonly keyedBytes: number;
  readonly pageCount: number;
  readonly splitCount: number;
}

export interface KeyedStateReadOptions<S extends OfflineStateSpecs> {
  /** The states to read, declared as in the job (`perNamespace` for those of windows). Default: all, by their stored schemas. */
  readonly state?: S | undefined;
  /** Only key groups [start, end). */
  readonly keyGroups?: { readonly start: number; readonly end: number } | undefined;
}

/**
 * Opens a savepoint, or a checkpoint, to look into it.
 *
 * @param url the savepoint's folder or `s3://bucket/prefix`, or the manifest of a checkpoint, or a checkpoint folder, of
 * which the newest checkpoint of `jobName` is taken.
 * @throws UserError NOT_FOUND, CHECKPOINT_CORRUPT.
 */
export async function openSavepoint(
  url: string,
  options: { readonly environment?: Environment | undefined; readonly jobName?: string | undefined } = {},
): Promise<Savepoint> {
  const { environment = createNodeEnvironment(), jobName } = options;
  const found = await findCheckpoint(environment, { from: url, checkpoints: url, jobName });
  return new Savepoint(found!);
}

/** A savepoint (or checkpoint) that can be read state by state; never as a whole in memory. */
export class Savepoint {
  readonly found: FoundCheckpoint;

  constructor(found: FoundCheckpoint) {
    this.found = found;
  }

  get manifest(): CheckpointManifest {
    return this.found.manifest;
  }

  get jobName(): string {
    return this.manifest.jobName;
  }

  get checkpointId(): number {
    return this.manifest.checkpointId;
  }

  get uids(): readonly string[] {
    return Object.keys(this.manifest.operators);
  }

  /** Reads the headers of the state files. */
  async operators(): Promise<SavepointOperator[]> {
    const operators: SavepointOperator[] = [];
    for (const operator of Object.values(this.manifest.operators)) operators.push(await this.#describe(operator));
    return operators;
  }

  /** @throws UserError NOT_FOUND that names those there are. */
  async operator(uid: string): Promise<SavepointOperator> {
    return await this.#describe(this.snapshotOf(uid));
  }

  /**
   * Everything that an operator keeps for its keys: one entry per key, in the order of key groups.
   *
   * @throws UserError NOT_FOUND for an operator or state that is not there, STATE_INCOMPATIBLE when a state cannot be read as
   * declared.
   */
  async *readKeyedState<S extends OfflineStateSpecs = OfflineStateSpecs>(
    uid: string,
    options: KeyedStateReadOptions<S> = {},
  ): AsyncGenerator<StoredKeyedEntry<S>> {
    yield* this.#read(uid, options, undefined);
  }

  /** What an operator keeps for one key; undefined when it keeps nothing. Reads only its key group. */
  async readKey<S extends OfflineStateSpecs = OfflineStateSpecs>(
    uid: string,
    key: Key,
    options: Pick<KeyedStateReadOptions<S>, 'state'> = {},
  ): Promise<StoredKeyedEntry<S> | undefined> {
    const keyGroup = keyGroupOf(key, this.snapshotOf(uid).maxParallelism);
    const keyGroups = { start: keyGroup, end: keyGroup + 1 };
    for await (const entry of this.#read(uid, { ...options, keyGroups }, key)) return entry;
    return undefined;
  }

  /**
   * Elements of a list or union state, of all subtasks.
   *
   * @param schema default: as stored.
   */
  readOperatorState<T = unknown>(uid: string, name: string, schema?: Schema<T>): T[] {
    const parts = this.#operatorStateParts(uid, name);
    if (parts[0]!.mode === 'broadcast') {
      throw new UserError('NOT_FOUND', `state ${name} of operator ${uid} is broadcast state`, {
        hint: 'Read it with readBroadcastState.',
      });
    }
    return parts.flatMap((part) => {
      const stored = storedSchemas(part).schema;
      const decode = decoderOf<T>(
        stored,
        schema ?? (parseAvroSchema(stored) as Schema<T>),
        `state ${name} of operator ${uid}`,
      );
      return part.entries.map((entry) => decode(new ByteReader(Buffer.from(entry, 'base64'))));
    });
  }

  /** Entries of a broadcast state: every subtask has the same. Default schemas: as stored. */
  readBroadcastState<K extends string | number = string | number, V = unknown>(
    uid: string,
    name: string,
    schemas: { readonly keySchema?: Schema<K>; readonly schema?: Schema<V> } = {},
  ): Map<K, V> {
    const part = this.#operatorStateParts(uid, name)[0]!;
    if (part.mode !== 'broadcast') {
      throw new UserError('NOT_FOUND', `state ${name} of operator ${uid} is ${part.mode} state`, {
        hint: 'Read it with readOperatorState.',
      });
    }
    const stored = storedSchemas(part);
    const subject = `state ${name} of operator ${uid}`;
    const keySchema = schemas.keySchema ?? (parseAvroSchema(stored.keySchema!) as Schema<K>);
    const decodeKey = decoderOf<K>(stored.keySchema!, keySchema, `key of ${subject}`);
    const decode = decoderOf<V>(
      stored.schema,
      schemas.schema ?? (parseAvroSchema(stored.schema) as Schema<V>),
      subject,
    );
    const entries = new Map<K, V>();
    for (const entry of part.entries) {
      const reader = new ByteReader(Buffer.from(entry, 'base64'));
      entries.set(decodeKey(reader), decode(reader));
    }
    return entries;
  }

  /** @throws UserError NOT_FOUND that names those there are. */
  snapshotOf(uid: string): OperatorSnapshot {
    const operator = this.manifest.operators[uid];
    if (operator !== undefined) return operator;
    throw new UserError('NOT_FOUND', `${this.found.where} has no operator '${uid}'`, {
      hint: `It has ${this.uids.map((known) => `'${known}'`).join(', ') || 'none'}.`,
    });
  }

  async *#read<S extends OfflineStateSpecs>(
    uid: string,
    options: KeyedStateReadOptions<S>,
    key: Key | undefined,
  ): AsyncGenerator<StoredKeyedEntry<S>> {
    const operator = this.snapshotOf(uid);
    const { storage } = this.found;
    const formats = await readFormats(operator, storage);
    const entries = readKeyedEntries({
      operatorUid: uid,
      maxParallelism: operator.maxParallelism,
      storage,
      fileLists: fileListsOf(operator),
      descriptors: descriptorsOf(uid, options.state, formats),
      keyGroups: options.keyGroups,
      isWanted: key === undefined ? undefined : (page) => page.key === key,
    });
    for await (const entry of entries) yield entry as unknown as StoredKeyedEntry<S>;
  }

  #operatorStateParts(uid: string, name: string): OperatorStateSnapshot[] {
    const states = this.snapshotOf(uid).subtasks.flatMap(({ operatorStates }) => operatorStates);
    const parts = states.filter((state) => state.name === name);
    if (parts.length > 0) return parts;
    const known = [...new Set(states.map((state) => state.name))].join(', ') || 'none';
    throw new UserError('NOT_FOUND', `operator ${uid} has no operator state ${name}, found ${known}`);
  }

  async #describe(operator: OperatorSnapshot): Promise<SavepointOperator> {
    const { uid, name, parallelism, maxParallelism, subtasks } = operator;
    const files = subtasks.flatMap(({ keyedFiles }) => keyedFiles);
    const states = new Map<string, OperatorStateSnapshot[]>();
    for (const { operatorStates } of subtasks)
      for (const state of operatorStates) states.set(state.name, [...(states.get(state.name) ?? []), state]);
    return {
      uid,
      name,
      kind: kindOfStored(operator),
      parallelism,
      maxParallelism,
      keyedStates: newestFormats(await readFormats(operator, this.found.storage)),
      operatorStates: [...states].map(([stateName, parts]) => ({
        name: stateName,
        mode: parts[0]!.mode,
        ...storedSchemas(parts[0]!),
        elementCount: (parts[0]!.mode === 'broadcast' ? parts.slice(0, 1) : parts).reduce(
          (sum, { entries }) => sum + entries.length,
          0,
        ),
      })),
      keyedBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
      pageCount: files.reduce((sum, { pageCount }) => sum + pageCount, 0),
      splitCount: subtasks.reduce((sum, { splits }) => sum + (splits?.length ?? 0), 0),
    };
  }
}

/** The lists of files of an operator's subtasks: of disjoint key groups, in their order. */
export function fileListsOf(operator: OperatorSnapshot): (readonly StateFile[])[] {
  return operator.subtasks.toSorted((a, b) => a.subtaskIndex - b.subtaskIndex).map(({ keyedFiles }) => keyedFiles);
}
