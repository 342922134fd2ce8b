import type { Key } from '../../state/keyed/key.ts';
import type { OperatorFactory } from '../task/stream-operator.ts';
import type { OutputTag } from '../task/output-tag.ts';
import type { Sink } from '../task/sink.ts';
import type { Source } from '../task/source.ts';
import type { WatermarkStrategy } from '../time/watermark-strategy.ts';

/** The job as the fluent API wrote it down: plain data, made new by every thread that imports the job's module. */
export interface StreamGraph {
  readonly nodes: readonly StreamNode[];
  readonly edges: readonly StreamEdge[];
}

export type StreamNode = SourceNode | OperatorNode | SinkNode;

interface NodeBase {
  /** Index in `StreamGraph.nodes`. */
  readonly nodeId: number;
  /** For people. */
  readonly name: string;
  /** Identity of its state across versions of the job. Required for stateful nodes. */
  readonly uid: string | undefined;
  /** Undefined: the job's default. */
  readonly parallelism: number | undefined;
}

export interface SourceNode extends NodeBase {
  readonly kind: 'source';
  readonly source: Source<unknown>;
  readonly watermarkStrategy: WatermarkStrategy<never>;
}

export interface OperatorNode extends NodeBase {
  readonly kind: 'operator';
  readonly factory: OperatorFactory;
  /** 1 or 2. */
  readonly inputCount: number;
  /** Keeps state or timers: then a `uid` is required. */
  readonly isStateful: boolean;
  /** Is never chained to the operator before it, so that the task can hold its input back. Default false. */
  readonly startsChain?: boolean | undefined;
  /**
   * Waits for the event time of all of its inputs, so the sources that feed it are kept within a drift of each other.
   * Default: whether it has two inputs that are keyed.
   */
  readonly alignsSources?: boolean | undefined;
}

export interface SinkNode extends NodeBase {
  readonly kind: 'sink';
  readonly sink: Sink<never>;
}

export interface StreamEdge {
  readonly sourceNodeId: number;
  readonly targetNodeId: number;
  /** 0, or 1 for the second input of a two-input operator. Several edges into one input are a union. */
  readonly inputIndex: number;
  readonly partitioning: Partitioning;
  /** Set: the edge carries this side output instead of the main one. */
  readonly sideOutputTag: OutputTag<unknown> | undefined;
}

/**
 * How records find their subtask. `forward` keeps the subtask (and lets operators be chained); `hash` sends them by key
 * group; `rebalance` deals them round robin, `rescale` does so to a share of the subtasks of its own, `shuffle` at random;
 * `broadcast` copies them to all; `global` sends all to the first; `custom` asks a function.
 */
export type Partitioning =
  /** Between other parallelisms records are dealt round robin, or refused when the same subtask is required. */
  | { readonly kind: 'forward'; readonly isRequired?: true | undefined }
  | { readonly kind: 'rebalance' }
  | { readonly kind: 'rescale' }
  | { readonly kind: 'shuffle' }
  /** The subtask is an integer in [0, subtaskCount). */
  | { readonly kind: 'custom'; readonly subtaskOf: (value: never, subtaskCount: number) => number }
  | { readonly kind: 'broadcast' }
  | { readonly kind: 'global' }
  | { readonly kind: 'hash'; readonly keySelector: (value: never) => Key };
