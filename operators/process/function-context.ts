import type { Environment } from '../../engine/base/environment.ts';
import type { Logger } from '../../engine/base/logger.ts';
import type { MetricGroup } from '../../engine/base/metrics.ts';
import type { StateDescriptor, StateOf } from '../../state/keyed/state.ts';
import type { OperatorListState } from '../../engine/task/operator-state.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import type { Schema } from '../../state/schema/schema.ts';
import type { StateSpec } from './state-spec.ts';

/** What a function gets when it opens. */
export class FunctionContext {
  readonly #context: OperatorContext;

  constructor(context: OperatorContext) {
    this.#context = context;
  }

  get operatorName(): string {
    return this.#context.operatorName;
  }

  get subtaskIndex(): number {
    return this.#context.subtaskIndex;
  }

  get parallelism(): number {
    return this.#context.parallelism;
  }

  /** Clock, random, files, variables: the only way to the world that keeps a run repeatable. */
  get environment(): Environment {
    return this.#context.environment;
  }

  get metrics(): MetricGroup {
    return this.#context.metrics;
  }

  get logger(): Logger {
    return this.#context.logger;
  }

  /** True when the operator was opened from a checkpoint or savepoint. */
  get isRestored(): boolean {
    return this.#context.isRestored;
  }

  /** Declares a keyed state. Only in `open`, and only on a keyed stream. */
  state<D extends StateDescriptor>(name: string, spec: StateSpec<D>): StateOf<D> {
    return this.#context.keyedState.state(spec.toDescriptor(name));
  }

  /**
   * Declares a list of the subtask, not of a key: small, in memory, written whole with every checkpoint. When the
   * parallelism changes its elements are dealt out to the subtasks. Only in `open`, and only with a uid; what was restored
   * is in it. Flink's `getListState` of an operator state store.
   */
  operatorListState<T>(name: string, schema: Schema<T>): OperatorListState<T> {
    return this.#context.operatorState.listState({ name, schema });
  }

  /** The same, but that after a restore every subtask has the elements of all. Flink's `getUnionListState`. */
  operatorUnionListState<T>(name: string, schema: Schema<T>): OperatorListState<T> {
    return this.#context.operatorState.unionListState({ name, schema });
  }
}
