import type { ChannelOutput } from '../exchange/channel-output.ts';
import { ACTIVE, IDLE, type ControlElement } from '../exchange/control-element.ts';
import { MAX_TIMESTAMP_MS } from '../time/timestamps.ts';
import { DISCARDING_OUTPUT, Output } from './output.ts';
import type { OutputTag } from './output-tag.ts';
import type { RowKind } from './row-kind.ts';
import type { StreamOperator } from './stream-operator.ts';
import type { TaskTimerService } from './task-timer-service.ts';

/** An edge that leaves an operator: to the next one of the chain, or out of the task. */
export type ChainEdge =
  | {
      readonly kind: 'chained';
      readonly target: ChainedOperator;
      readonly sideOutputTag: OutputTag<unknown> | undefined;
    }
  | {
      readonly kind: 'channel';
      readonly output: ChannelOutput;
      readonly sideOutputTag: OutputTag<unknown> | undefined;
    };

/**
 * An operator in its place in the chain: passes watermarks, statuses and control elements on to what follows it. Records
 * do not come by here; they go from `Output` to operator.
 */
export class ChainedOperator {
  readonly uid: string;
  readonly name: string;
  readonly operator: StreamOperator<unknown>;
  /** The main output, for the operator's context. */
  readonly output: Output<unknown>;
  readonly #sideOutputs = new Map<string, Output<unknown>>();
  readonly #children: ChainedOperator[] = [];
  readonly #channelOutputs: ChannelOutput[] = [];
  readonly #timers: TaskTimerService;
  #isIdle = false;

  constructor(options: {
    uid: string;
    name: string;
    operator: StreamOperator<unknown>;
    edges: readonly ChainEdge[];
    timers: TaskTimerService;
  }) {
    this.uid = options.uid;
    this.name = options.name;
    this.operator = options.operator;
    this.#timers = options.timers;
    const mainTargets: Output<unknown>[] = [];
    const sideTargets = new Map<string, Output<unknown>[]>();
    for (const edge of options.edges) {
      const target = edge.kind === 'chained' ? new ChainOutput(edge.target.operator) : edge.output;
      if (edge.kind === 'chained') this.#children.push(edge.target);
      else this.#channelOutputs.push(edge.output);
      if (edge.sideOutputTag === undefined) mainTargets.push(target);
      else {
        const targets = sideTargets.get(edge.sideOutputTag.id) ?? [];
        targets.push(target);
        sideTargets.set(edge.sideOutputTag.id, targets);
      }
    }
    this.output = combineOutputs(mainTargets);
    for (const [tagId, targets] of sideTargets) this.#sideOutputs.set(tagId, combineOutputs(targets));
  }

  /** Wires an operator that makes its own watermarks. Before the operator is opened. */
  connectInterceptor(): void {
    this.operator.watermarkInterceptor?.open({
      emitWatermark: (watermarkMs) => this.emitWatermark(watermarkMs),
      markIdle: () => this.emitStatus(true),
      markActive: () => this.emitStatus(false),
    });
  }

  /** The output of a side output tag; undefined when nobody reads it. */
  sideOutput(tagId: string): Output<unknown> | undefined {
    return this.#sideOutputs.get(tagId);
  }

  /** Cancels what the operator has scheduled. */
  closeTimers(): void {
    this.#timers.close();
  }

  /** A watermark arrives from the operator before, its timers done (only heads have timers). */
  processWatermark(watermarkMs: number): void {
    const interceptor = this.operator.watermarkInterceptor;
    if (interceptor !== undefined) {
      interceptor.onWatermark(watermarkMs);
      return;
    }
    this.#timers.setWatermark(watermarkMs);
    this.operator.processWatermark(watermarkMs);
    // The end of time is held back by nobody: everything is out.
    this.emitWatermark(watermarkMs >= MAX_TIMESTAMP_MS ? watermarkMs : this.operator.outputWatermark(watermarkMs));
  }

  processStatus(isIdle: boolean): void {
    const interceptor = this.operator.watermarkInterceptor;
    if (interceptor !== undefined) {
      interceptor.onStatus(isIdle);
      return;
    }
    this.operator.processStatus(isIdle);
    this.emitStatus(isIdle);
  }

  emitWatermark(watermarkMs: number): void {
    for (const child of this.#children) child.processWatermark(watermarkMs);
    if (this.#channelOutputs.length > 0) this.#send({ tag: 'watermark', watermarkMs });
  }

  emitStatus(isIdle: boolean): void {
    if (this.#isIdle === isIdle) return;
    this.#isIdle = isIdle;
    for (const child of this.#children) child.processStatus(isIdle);
    this.#send(isIdle ? IDLE : ACTIVE);
  }

  /** Sends a control element out of the task on every edge of this operator. */
  #send(element: ControlElement): void {
    for (const output of this.#channelOutputs) output.broadcast(element);
  }
}

/** The in-chain edge: one class, one call. */
class ChainOutput extends Output<unknown> {
  readonly #target: StreamOperator<unknown>;

  constructor(target: StreamOperator<unknown>) {
    super();
    this.#target = target;
  }

  collect(value: unknown, timestampMs: number, kind: RowKind): void {
    this.#target.processElement(value, timestampMs, kind);
  }
}

/** Several readers of one output. Records are immutable, so they share the value. */
class FanOutput extends Output<unknown> {
  readonly #targets: readonly Output<unknown>[];

  constructor(targets: readonly Output<unknown>[]) {
    super();
    this.#targets = targets;
  }

  collect(value: unknown, timestampMs: number, kind: RowKind): void {
    for (let i = 0; i < this.#targets.length; i++) this.#targets[i]!.collect(value, timestampMs, kind);
  }
}

function combineOutputs(targets: readonly Output<unknown>[]): Output<unknown> {
  if (targets.length === 0) return DISCARDING_OUTPUT;
  return targets.length === 1 ? targets[0]! : new FanOutput(targets);
}
