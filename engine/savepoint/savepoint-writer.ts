import { ByteWriter } from '../base/bytes.ts';
import { createNodeEnvironment } from '../base/environment-node.ts';
import type { Environment } from '../base/environment.ts';
import { RecordError, UserError } from '../base/errors.ts';
import type { KeyedEntry, OfflineStateSpecs, StoredKeyedEntry } from '../../state/offline/keyed-entry.ts';
import { rehashFiles, writeKeyedEntries } from '../../state/offline/keyed-state-writer.ts';
import type { StateDescriptor } from '../../state/keyed/state.ts';
import type { Schema } from '../../state/schema/schema.ts';
import type { StateFile } from '../../state/snapshot/state-file.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import { openStorage } from '../../state/storage/storage-url.ts';
import type {
  CheckpointManifest,
  KeyedStateDescription,
  OperatorSnapshot,
  OperatorStateSnapshot,
  SubtaskSnapshot,
} from '../checkpoint/manifest.ts';
import { checkSavepointTarget, putSavepointManifest } from '../checkpoint/savepoint.ts';
import { DEFAULT_MAX_PARALLELISM } from '../graph/job-graph.ts';
import { keyOfUid } from '../graph/uid.ts';
import type { Json } from '../task/source.ts';
import { fileListsOf, type Savepoint } from './savepoint.ts';

export interface NewSavepointOptions {
  /** Name of the job that will start from it. */
  readonly jobName: string;
  /** As the job will have it: fixed for the life of the state. Default 32768. */
  readonly maxParallelism?: number | undefined;
}

export interface ExistingSavepointOptions {
  /** Default: as it is. Another one re-hashes all keyed state. */
  readonly maxParallelism?: number | undefined;
  /** Default: as it is. */
  readonly jobName?: string | undefined;
}

export interface WriteSavepointOptions {
  readonly environment?: Environment | undefined;
  /** Bytes of keyed state held in memory while it is sorted. Default 64 MiB. */
  readonly sortBytesMax?: number | undefined;
}

type Entries<S extends OfflineStateSpecs> = AsyncIterable<KeyedEntry<S>> | Iterable<KeyedEntry<S>>;

interface KeyedPlan {
  readonly descriptors: readonly StateDescriptor[];
  readonly entries: () => AsyncIterable<KeyedEntry> | Iterable<KeyedEntry>;
}

/** What becomes of one operator. */
interface OperatorPlan {
  /** As the savepoint that is changed has it. */
  readonly base: OperatorSnapshot | undefined;
  keyed: KeyedPlan | undefined;
  /** Undefined removes a state. */
  readonly operatorStates: Map<string, OperatorStateSnapshot | undefined>;
}

/**
 * Writes savepoints: new ones, from whatever can be iterated, to start a job with state; and changed ones, from a savepoint
 * there is, with operators replaced, removed or called otherwise. Nothing is done before `write`.
 *
 *     await SavepointWriter.newSavepoint({ jobName: 'clicks' })
 *       .withKeyedState('first-click', { state: { seen: valueState(boolean()) } }, usersOf(file))
 *       .write('s3://bucket/bootstrap');
 */
export class SavepointWriter {
  readonly #base: Savepoint | undefined;
  readonly #jobName: string;
  readonly #maxParallelism: number;
  readonly #plans = new Map<string, OperatorPlan>();

  private constructor(base: Savepoint | undefined, jobName: string, maxParallelism: number) {
    this.#base = base;
    this.#jobName = jobName;
    this.#maxParallelism = maxParallelism;
    for (const operator of Object.values(base?.manifest.operators ?? {}))
      this.#plans.set(operator.uid, { base: operator, keyed: undefined, operatorStates: new Map() });
  }

  /** An empty savepoint. A source or sink that it does not hold starts anew. */
  static newSavepoint({ jobName, maxParallelism = DEFAULT_MAX_PARALLELISM }: NewSavepointOptions): SavepointWriter {
    return new SavepointWriter(undefined, jobName, maxParallelism);
  }

  /**
   * A copy of a savepoint, to be changed.
   *
   * @throws UserError CONFIGURATION for a checkpoint with results that sinks have not committed: they belong to its job.
   */
  static fromExistingSavepoint(savepoint: Savepoint, options: ExistingSavepointOptions = {}): SavepointWriter {
    const { manifest } = savepoint;
    if (manifest.pendingCommits.length > 0) {
      throw new UserError(
        'CONFIGURATION',
        `${savepoint.found.where} holds results that sinks have not committed yet (${manifest.pendingCommits[0]!.sinkUid})`,
        { hint: 'Change a savepoint: tidemark savepoint JOB URL, or stop --savepoint.' },
      );
    }
    const [first] = Object.values(manifest.operators);
    const maxParallelism = options.maxParallelism ?? first?.maxParallelism ?? DEFAULT_MAX_PARALLELISM;
    return new SavepointWriter(savepoint, options.jobName ?? manifest.jobName, maxParallelism);
  }

  /**
   * Writes or replaces the keyed state of an operator: one entry per key, in any order; of entries with the same key the
   * last one counts.
   *
   * @param operator the states as the job declares them (`perNamespace` for those of windows).
   */
  withKeyedState<S extends OfflineStateSpecs>(uid: string, operator: { readonly state: S }, entries: Entries<S>): this {
    const plan = this.#planOf(uid);
    plan.keyed = { descriptors: descriptorsOf(operator.state), entries: () => entries as Entries<OfflineStateSpecs> };
    return this;
  }

  /**
   * Changes the keyed state of an operator key by key. States that `state` does not name are dropped.
   *
   * @param states `from`: as stored, `state`: as it shall be; the same when left out.
   * @param change what to keep of an entry; undefined drops the key.
   * @throws UserError NOT_FOUND when the savepoint has no such operator.
   */
  transformKeyedState<F extends OfflineStateSpecs, S extends OfflineStateSpecs = F>(
    uid: string,
    states: { readonly from: F; readonly state?: S | undefined },
    change: (entry: StoredKeyedEntry<F>) => KeyedEntry<S> | undefined | Promise<KeyedEntry<S> | undefined>,
  ): this {
    const plan = this.#existing(uid);
    const base = this.#base!;
    const storedUid = plan.base!.uid;
    async function* changed(): AsyncGenerator<KeyedEntry> {
      for await (const entry of base.readKeyedState(storedUid, { state: states.from })) {
        const result = await change(entry);
        if (result !== undefined) yield result as KeyedEntry;
      }
    }
    plan.keyed = { descriptors: descriptorsOf(states.state ?? states.from), entries: changed };
    return this;
  }

  /** Writes or replaces a list or union state of an operator; elements are dealt out to its subtasks in turn. */
  withOperatorState<T>(
    uid: string,
    state: { readonly name: string; readonly schema: Schema<T>; readonly mode?: 'list' | 'union' | undefined },
    elements: Iterable<T>,
  ): this {
    const { name, schema, mode = 'list' } = state;
    const entries = [...elements].map((element) => encoded(uid, name, (writer) => schema.encode(writer, element)));
    this.#planOf(uid).operatorStates.set(name, { name, mode, schema: schema.avro as Json, entries });
    return this;
  }

  /** Writes or replaces a broadcast state of an operator. */
  withBroadcastState<K extends string | number, V>(
    uid: string,
    state: { readonly name: string; readonly keySchema: Schema<K>; readonly schema: Schema<V> },
    elements: Iterable<readonly [K, V]>,
  ): this {
    const { name, keySchema, schema } = state;
    const entries = [...elements].map(([key, value]) =>
      encoded(uid, name, (writer) => {
        keySchema.encode(writer, key);
        schema.encode(writer, value);
      }),
    );
    const avro = [keySchema.avro, schema.avro] as unknown as Json;
    this.#planOf(uid).operatorStates.set(name, { name, mode: 'broadcast', schema: avro, entries });
    return this;
  }

  /** @throws UserError NOT_FOUND when there is no such operator. */
  removeOperator(uid: string): this {
    this.#existing(uid);
    this.#plans.delete(uid);
    return this;
  }

  /** Gives an operator's state another uid. @throws UserError NOT_FOUND, CONFIGURATION when the new uid is taken. */
  changeOperatorIdentifier(from: string, to: string): this {
    const plan = this.#existing(from);
    if (this.#plans.has(to)) throw new UserError('CONFIGURATION', `the savepoint has an operator '${to}' already`);
    this.#plans.delete(from);
    this.#plans.set(to, plan);
    return this;
  }

  /**
   * Writes the savepoint into an empty folder or S3 prefix, its manifest last.
   *
   * @throws UserError CONFIGURATION when the folder holds a savepoint already, SCHEMA when a value does not fit.
   */
  async write(target: string | ObjectStorage, options: WriteSavepointOptions = {}): Promise<CheckpointManifest> {
    const environment = options.environment ?? createNodeEnvironment();
    const storage = typeof target === 'string' ? await openStorage(environment, target) : target;
    await checkSavepointTarget(storage);
    const startedAtMs = environment.clock.nowMs();
    const operators: Record<string, OperatorSnapshot> = {};
    for (const [uid, plan] of this.#plans) operators[uid] = await this.#writeOperator(uid, plan, storage, options);
    const base = this.#base?.manifest;
    const manifest: CheckpointManifest = {
      format: 1,
      kind: 'savepoint',
      jobName: this.#jobName,
      shard: base?.shard ?? '0',
      checkpointId: base?.checkpointId ?? 0,
      attempt: base?.attempt ?? 0,
      triggeredAtMs: startedAtMs,
      completedAtMs: environment.clock.nowMs(),
      isFinal: false,
      operators,
      pendingCommits: [],
    };
    await putSavepointManifest(storage, manifest);
    return manifest;
  }

  async #writeOperator(
    uid: string,
    plan: OperatorPlan,
    storage: ObjectStorage,
    options: WriteSavepointOptions,
  ): Promise<OperatorSnapshot> {
    const { base, keyed } = plan;
    const maxParallelism = this.#maxParallelism;
    const stem = `state/${keyOfUid(uid)}`;
    const target = { operatorUid: uid, maxParallelism, storage, stem, sortBytesMax: options.sortBytesMax };
    const subtasks: SubtaskSnapshot[] = (base?.subtasks ?? [NO_SUBTASK]).map((subtask) => ({ ...subtask }));
    if (subtasks.length === 0) subtasks.push(NO_SUBTASK);
    let files: readonly (readonly StateFile[])[];
    let keyedStates = base?.keyedStates ?? [];
    if (keyed !== undefined) {
      files = [await writeKeyedEntries(keyed.entries(), keyed.descriptors, target)];
      keyedStates = keyed.descriptors.map(describe);
    } else if (base === undefined) {
      files = [];
    } else if (base.maxParallelism !== maxParallelism) {
      const from = { storage: this.#base!.found.storage, maxParallelism: base.maxParallelism };
      files = [await rehashFiles(fileListsOf(base), from, target)];
    } else {
      files = await this.#copyFiles(subtasks, storage, stem);
    }
    const states = dealOut(plan.operatorStates, subtasks.length);
    return {
      uid,
      name: base?.name ?? uid,
      parallelism: base?.parallelism ?? 1,
      maxParallelism,
      keyedStates,
      enumerator: base?.enumerator,
      subtasks: subtasks.map((subtask, i) => ({
        ...subtask,
        keyedFiles: files[i] ?? [],
        operatorStates: [...subtask.operatorStates.filter(({ name }) => !plan.operatorStates.has(name)), ...states[i]!],
      })),
    };
  }

  async #copyFiles(
    subtasks: readonly SubtaskSnapshot[],
    storage: ObjectStorage,
    stem: string,
  ): Promise<(readonly StateFile[])[]> {
    const from = this.#base!.found.storage;
    const lists: StateFile[][] = [];
    for (const { subtaskIndex, keyedFiles } of subtasks) {
      const copies: StateFile[] = [];
      for (const file of keyedFiles) {
        const stored = await from.get(file.key);
        if (stored === undefined)
          throw new UserError('CHECKPOINT_CORRUPT', `the state file ${from.url(file.key)} is missing`);
        const key = `${stem}-${subtaskIndex}-${copies.length}`;
        await storage.put(key, stored.bytes);
        copies.push({ ...file, key });
      }
      lists.push(copies);
    }
    return lists;
  }

  #planOf(uid: string): OperatorPlan {
    let plan = this.#plans.get(uid);
    if (plan === undefined) {
      plan = { base: undefined, keyed: undefined, operatorStates: new Map() };
      this.#plans.set(uid, plan);
    }
    return plan;
  }

  #existing(uid: string): OperatorPlan {
    const plan = this.#plans.get(uid);
    if (plan !== undefined && (plan.base !== undefined || this.#base === undefined)) return plan;
    throw new UserError('NOT_FOUND', `the savepoint has no operator '${uid}'`, {
      hint: `It has ${[...this.#plans.keys()].map((known) => `'${known}'`).join(', ') || 'none'}.`,
    });
  }
}

const NO_SUBTASK: SubtaskSnapshot = { subtaskIndex: 0, keyedFiles: [], operatorStates: [] };

function descriptorsOf(specs: OfflineStateSpecs): StateDescriptor[] {
  return Object.entries(specs).map(([name, spec]) => spec.toDescriptor(name));
}

function describe(descriptor: StateDescriptor): KeyedStateDescription {
  return {
    name: descriptor.name,
    kind: descriptor.kind,
    keySchema: descriptor.kind === 'map' ? (descriptor.keySchema.avro as Json) : undefined,
    schema: descriptor.schema.avro as Json,
  };
}

/** Parts for each subtask: of lists and unions every n-th element, of broadcast state all. */
function dealOut(
  states: ReadonlyMap<string, OperatorStateSnapshot | undefined>,
  subtaskCount: number,
): OperatorStateSnapshot[][] {
  return Array.from({ length: subtaskCount }, (_, index) =>
    [...states.values()].flatMap((state) => {
      if (state === undefined) return [];
      if (state.mode === 'broadcast') return [state];
      return [{ ...state, entries: state.entries.filter((_entry, i) => i % subtaskCount === index) }];
    }),
  );
}

function encoded(uid: string, name: string, write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter(64);
  try {
    write(writer);
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    throw new UserError('SCHEMA', `state ${name} of operator ${uid}: ${error.message}`, { cause: error });
  }
  return writer.written().toString('base64');
}
