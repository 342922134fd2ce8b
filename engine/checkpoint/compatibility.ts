import { UserError } from '../base/errors.ts';
import { fitKeyedState, incompatibleText, shownSchema, type StateFit } from '../../state/keyed/state-fit.ts';
import { formatOf, type StateFormat } from '../../state/keyed/state-format.ts';
import type { StateDescriptor } from '../../state/keyed/state.ts';
import { type DeclaredOperatorState, fitOperatorState, storedSchemas } from '../task/operator-state-fit.ts';
import type { JobGraph } from '../graph/job-graph.ts';
import type { CheckpointManifest, OperatorSnapshot, OperatorStateSnapshot } from './manifest.ts';
import { hasState } from './restore-plan.ts';

/** A job, as far as its state goes. */
export interface JobStates {
  readonly jobName: string;
  readonly maxParallelism: number;
  readonly operators: readonly {
    readonly uid: string;
    readonly name: string;
    readonly kind: 'source' | 'operator' | 'sink';
    readonly keyedStates: readonly StateDescriptor[];
    readonly operatorStates: readonly DeclaredOperatorState[];
    /** Set: its states are not known. */
    readonly problem?: unknown;
  }[];
}

/** What becomes of one state when a job starts from a checkpoint. */
export interface StateCompatibility {
  readonly name: string;
  /** `value`, `map per namespace`, `operator list`, `operator broadcast` … */
  readonly kind: string;
  readonly outcome: 'same' | 'resolved' | 'incompatible' | 'new' | 'dropped';
  /** What differs, or why it does not fit. */
  readonly details: readonly string[];
  readonly stored?: unknown;
  readonly declared?: unknown;
}

export interface OperatorCompatibility {
  readonly uid: string;
  readonly name: string;
  readonly kind: 'source' | 'operator' | 'sink' | undefined;
  /** `kept`: both sides have it. `dropped`: only the checkpoint. `new`: only the job. */
  readonly outcome: 'kept' | 'dropped' | 'new';
  readonly states: readonly StateCompatibility[];
  /** Sources: how many splits come with their positions. */
  readonly splitCount: number;
  readonly pageCount: number;
}

/** A checkpoint held against a job. */
export interface Compatibility {
  readonly operators: readonly OperatorCompatibility[];
  /** Each keeps the job from starting. */
  readonly problems: readonly Problem[];
  /** What to know, without keeping the job from starting. */
  readonly warnings: readonly string[];
}

export interface Problem {
  readonly message: string;
  readonly hint: string;
}

export interface CompatibilityOptions {
  /** Address of the manifest, for messages. */
  readonly where: string;
  readonly allowNonRestoredState: boolean;
  /** Formats of the stored keyed states by uid, from the state files. */
  readonly stored: ReadonlyMap<string, readonly StateFormat[]>;
}

/** Holds a checkpoint against a job, operator by operator (by uid) and state by state (by name). Pure. */
export function compareStates(
  manifest: CheckpointManifest,
  job: JobStates,
  options: CompatibilityOptions,
): Compatibility {
  return new Comparison(manifest, job, options).run();
}

/**
 * Checks what a manifest alone says of whether a job can start from it: everything but the schemas of its states. Pure.
 *
 * @throws UserError STATE_INCOMPATIBLE: other job, other max parallelism, state of an operator that the job no longer has,
 * results that a sink it no longer has would have to commit.
 */
export function checkRestorable(
  manifest: CheckpointManifest,
  graph: JobGraph,
  options: { readonly jobName: string; readonly where: string; readonly allowNonRestoredState: boolean },
): void {
  const operators = graph.vertices.flatMap(({ nodes }) =>
    nodes.flatMap(({ uid, name, kind }) =>
      uid === undefined ? [] : [{ uid, name, kind, keyedStates: [], operatorStates: [] }],
    ),
  );
  const job = { jobName: options.jobName, maxParallelism: graph.maxParallelism, operators };
  const error = incompatibilityError(compareStates(manifest, job, { ...options, stored: new Map() }).problems);
  if (error !== undefined) throw error;
}

/** The error for a job that must not start; undefined when it may. */
export function incompatibilityError(problems: readonly Problem[]): UserError | undefined {
  if (problems.length === 0) return undefined;
  const hints = [...new Set(problems.map(({ hint }) => hint))];
  return new UserError('STATE_INCOMPATIBLE', problems.map(({ message }) => message).join('\n'), {
    hint: hints.join(' '),
  });
}

class Comparison {
  readonly #manifest: CheckpointManifest;
  readonly #job: JobStates;
  readonly #options: CompatibilityOptions;
  readonly #problems: Problem[] = [];
  readonly #warnings: string[] = [];
  #isMaxParallelismRefused = false;

  constructor(manifest: CheckpointManifest, job: JobStates, options: CompatibilityOptions) {
    this.#manifest = manifest;
    this.#job = job;
    this.#options = options;
  }

  run(): Compatibility {
    const { jobName, operators } = this.#job;
    const { where } = this.#options;
    if (this.#manifest.jobName !== jobName) {
      this.#refuse(
        `the checkpoint is of job '${this.#manifest.jobName}', expected '${jobName}' (${where})`,
        'Point --checkpoints at the folder of this job, or at an empty one to start anew.',
      );
    }
    const compared: OperatorCompatibility[] = [];
    for (const stored of Object.values(this.#manifest.operators)) {
      const declared = operators.find(({ uid }) => uid === stored.uid);
      if (declared !== undefined) compared.push(this.#compareOperator(stored, declared));
      else if (hasState(stored)) compared.push(this.#dropped(stored));
    }
    for (const declared of operators) {
      if (this.#manifest.operators[declared.uid] !== undefined) continue;
      const states = [...declared.keyedStates.map(newKeyedState), ...declared.operatorStates.map(newOperatorState)];
      const { uid, name, kind } = declared;
      compared.push({ uid, name, kind, outcome: 'new', states, splitCount: 0, pageCount: 0 });
    }
    this.#checkPendingCommits();
    return { operators: compared, problems: this.#problems, warnings: this.#warnings };
  }

  #compareOperator(stored: OperatorSnapshot, declared: JobStates['operators'][number]): OperatorCompatibility {
    this.#checkMaxParallelism(stored);
    const kind = kindOfStored(stored);
    const { uid, name } = declared;
    if (kind !== undefined && kind !== declared.kind && hasState(stored)) {
      this.#refuse(
        `'${uid}' was stored as ${KIND_TEXTS[kind]} (${stored.name}), in the job it is ${KIND_TEXTS[declared.kind]} (${name}) (${this.#options.where})`,
        'Give the new one a uid of its own.',
      );
    }
    let states: StateCompatibility[] = [];
    if (declared.problem === undefined) {
      states = [...this.#compareKeyed(stored, declared), ...this.#compareOperatorStates(stored, declared)];
    } else if (declared.kind === 'operator') {
      const reason = declared.problem instanceof Error ? declared.problem.message : String(declared.problem);
      this.#warnings.push(`the states of operator '${uid}' are not known, as it could not be opened here: ${reason}`);
    }
    return { uid, name, kind: declared.kind, outcome: 'kept', states, ...countsOf(stored) };
  }

  #compareKeyed(stored: OperatorSnapshot, declared: JobStates['operators'][number]): StateCompatibility[] {
    const formats = this.#options.stored.get(stored.uid) ?? [];
    const states = declared.keyedStates.map((descriptor): StateCompatibility => {
      const own = formats.filter(({ name }) => name === descriptor.name);
      if (own.length === 0) return newKeyedState(descriptor);
      const fits = own.map((format) => ({ format, fit: fitKeyedState(format, descriptor) }));
      const shown = shownSchema(formatOf(descriptor));
      return this.#judge(stored.uid, descriptor.name, {
        kind: kindText(formatOf(descriptor)),
        fits: fits.map(({ format, fit }) => ({ fit, stored: shownSchema(format) })),
        declared: shown,
      });
    });
    const names = new Set(formats.map(({ name }) => name));
    for (const { name } of declared.keyedStates) names.delete(name);
    for (const name of names) {
      const format = formats.findLast((candidate) => candidate.name === name)!;
      this.#warnings.push(`state ${name} of operator ${stored.uid} is no longer declared: its contents are dropped`);
      states.push({ name, kind: kindText(format), outcome: 'dropped', details: [], stored: shownSchema(format) });
    }
    return states;
  }

  #compareOperatorStates(stored: OperatorSnapshot, declared: JobStates['operators'][number]): StateCompatibility[] {
    const parts = new Map<string, OperatorStateSnapshot>();
    for (const { operatorStates } of stored.subtasks) for (const state of operatorStates) parts.set(state.name, state);
    const states = declared.operatorStates.map((state): StateCompatibility => {
      const part = parts.get(state.name);
      parts.delete(state.name);
      if (part === undefined) return newOperatorState(state);
      const schemas = { keySchema: state.keySchema?.avro, schema: state.schema.avro };
      return this.#judge(stored.uid, state.name, {
        kind: `operator ${state.mode}`,
        fits: [{ fit: fitOperatorState(part, state), stored: shownSchema(storedSchemas(part)) }],
        declared: shownSchema(schemas),
      });
    });
    for (const part of parts.values()) {
      this.#warnings.push(`state ${part.name} of operator ${stored.uid} is no longer declared: it is kept as it is`);
      const shown = shownSchema(storedSchemas(part));
      states.push({ name: part.name, kind: `operator ${part.mode}`, outcome: 'dropped', details: [], stored: shown });
    }
    return states;
  }

  /** The worst of what a state is stored as counts. */
  #judge(
    uid: string,
    name: string,
    found: {
      readonly kind: string;
      readonly fits: readonly { readonly fit: StateFit; readonly stored: unknown }[];
      readonly declared: unknown;
    },
  ): StateCompatibility {
    const { kind, fits, declared } = found;
    const details: string[] = [];
    let outcome: StateCompatibility['outcome'] = 'same';
    let shown = fits[fits.length - 1]!.stored;
    for (const { fit, stored } of fits) {
      if (fit.kind === 'same') continue;
      if (fit.kind === 'resolved') {
        if (outcome === 'same') outcome = 'resolved';
        details.push(...fit.changes);
        continue;
      }
      outcome = 'incompatible';
      shown = stored;
      details.push(fit.reason);
      const subject = `state ${name} of operator ${uid}`;
      this.#refuse(incompatibleText(subject, fit.reason, { stored, declared }), fit.hint);
    }
    return { name, kind, outcome, details: [...new Set(details)], stored: shown, declared };
  }

  #dropped(stored: OperatorSnapshot): OperatorCompatibility {
    const { uid, name } = stored;
    this.#checkMaxParallelism(stored);
    const message = `the checkpoint holds state of '${uid}' (${name}), which the job does not have`;
    if (this.#options.allowNonRestoredState) this.#warnings.push(`${message}: it is dropped`);
    else {
      this.#refuse(
        `${message} (${this.#options.where})`,
        'Give the operator its old uid back, or drop its state on purpose with --allow-non-restored-state.',
      );
    }
    const formats = this.#options.stored.get(uid) ?? [];
    const states = formats.map((format): StateCompatibility => ({
      name: format.name,
      kind: kindText(format),
      outcome: 'dropped',
      details: [],
      stored: shownSchema(format),
    }));
    return { uid, name, kind: kindOfStored(stored), outcome: 'dropped', states, ...countsOf(stored) };
  }

  #checkMaxParallelism(stored: OperatorSnapshot): void {
    if (stored.maxParallelism === this.#job.maxParallelism || this.#isMaxParallelismRefused) return;
    this.#isMaxParallelismRefused = true; // Once is enough: it is the same for all operators.
    this.#refuse(
      `operator '${stored.uid}' was stored with max parallelism ${stored.maxParallelism}, the job has ${this.#job.maxParallelism} (${this.#options.where})`,
      'Max parallelism is fixed for the life of the state: set it back, or write a savepoint with another one (tidemark/state).',
    );
  }

  #checkPendingCommits(): void {
    for (const { sinkUid, checkpointId } of this.#manifest.pendingCommits) {
      if (this.#job.operators.some(({ uid, kind }) => uid === sinkUid && kind === 'sink')) continue;
      this.#refuse(
        `checkpoint ${checkpointId} holds uncommitted results of the sink '${sinkUid}', which the job does not have`,
        'Run the job once with that sink, so that its results are committed, before removing it.',
      );
    }
  }

  #refuse(message: string, hint: string): void {
    this.#problems.push({ message, hint });
  }
}

const KIND_TEXTS = { source: 'a source', operator: 'an operator', sink: 'a sink' } as const;

/** Sources keep splits, sinks the states of their writers; an operator without either is what it was. */
export function kindOfStored(stored: OperatorSnapshot): 'source' | 'operator' | 'sink' | undefined {
  if (stored.enumerator !== undefined || stored.subtasks.some(({ splits }) => splits !== undefined)) return 'source';
  if (stored.subtasks.some(({ writerStates }) => writerStates !== undefined)) return 'sink';
  return stored.subtasks.length === 0 ? undefined : 'operator';
}

function countsOf(stored: OperatorSnapshot): { readonly splitCount: number; readonly pageCount: number } {
  return {
    splitCount: stored.subtasks.reduce((sum, { splits }) => sum + (splits?.length ?? 0), 0),
    pageCount: stored.subtasks.reduce(
      (sum, { keyedFiles }) => sum + keyedFiles.reduce((pages, file) => pages + file.pageCount, 0),
      0,
    ),
  };
}

function kindText(format: StateFormat): string {
  return format.isNamespaced ? `${format.kind} per namespace` : format.kind;
}

function newKeyedState(descriptor: StateDescriptor): StateCompatibility {
  const format = formatOf(descriptor);
  const { name } = descriptor;
  return { name, kind: kindText(format), outcome: 'new', details: [], declared: shownSchema(format) };
}

function newOperatorState(state: DeclaredOperatorState): StateCompatibility {
  const declared = shownSchema({ keySchema: state.keySchema?.avro, schema: state.schema.avro });
  return { name: state.name, kind: `operator ${state.mode}`, outcome: 'new', details: [], declared };
}
