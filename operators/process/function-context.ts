import type { Environment } from '../../engine/base/environment.ts';
import type { Logger } from '../../engine/base/logger.ts';
import type { MetricGroup } from '../../engine/base/metrics.ts';
import type { StateDescriptor, StateOf } from '../../state/keyed/state.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';
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
}
