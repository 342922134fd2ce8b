import { assert } from '../engine/base/assert.ts';
import { UserError } from '../engine/base/errors.ts';
import type { Partitioning, StreamEdge, StreamGraph, StreamNode } from '../engine/graph/stream-graph.ts';
import type { OutputTag } from '../engine/task/output-tag.ts';
import type { Sink } from '../engine/task/sink.ts';
import type { Source } from '../engine/task/source.ts';
import type { StreamOperator } from '../engine/task/stream-operator.ts';
import type { WatermarkStrategy } from '../engine/time/watermark-strategy.ts';

/** What can be said about any operator, source or sink. */
export interface OperatorOptions {
  /** Identity of its state across versions of the job. Required where state is kept. */
  readonly uid?: string | undefined;
  /** For people. Default: the uid, else the kind of operator. */
  readonly name?: string | undefined;
  /** Number of subtasks. Default: the job's. */
  readonly parallelism?: number | undefined;
}

/** For operators that keep state: the uid is how a checkpoint finds it again. */
export interface StatefulOperatorOptions extends OperatorOptions {
  readonly uid: string;
}

/** An output of a node on its way to the next one. A stream is one or, after a union, several of them. */
export interface StreamPort {
  readonly nodeId: number;
  readonly sideOutputTag: OutputTag<unknown> | undefined;
  readonly partitioning: Partitioning;
}

export interface OperatorDeclaration {
  /** Ports of every input. */
  readonly inputs: readonly (readonly StreamPort[])[];
  readonly kind: string;
  readonly options: OperatorOptions;
  readonly isStateful: boolean;
  /** Is not chained to the operator before it. Default false. */
  readonly startsChain?: boolean | undefined;
  /** The sources that feed it are aligned. Default: whether it has two inputs that are keyed. */
  readonly alignsSources?: boolean | undefined;
  /** Makes the operator of one subtask. */
  readonly factory: () => StreamOperator<unknown>;
}

const FORWARD: Partitioning = { kind: 'forward' };

/** Records a stream graph. Does no I/O and starts nothing. */
export class StreamGraphBuilder {
  readonly #nodes: StreamNode[] = [];
  readonly #edges: StreamEdge[] = [];
  readonly #nameByUid = new Map<string, string>();

  addSource<T>(
    source: Source<T, never>,
    watermarkStrategy: WatermarkStrategy<T>,
    options: StatefulOperatorOptions,
  ): StreamPort {
    const nodeId = this.#add({
      ...this.#base('source', options, true),
      kind: 'source',
      source: source as unknown as Source<unknown>,
      watermarkStrategy: watermarkStrategy as WatermarkStrategy<never>,
    });
    return { nodeId, sideOutputTag: undefined, partitioning: FORWARD };
  }

  addOperator({
    inputs,
    kind,
    options,
    isStateful,
    startsChain,
    alignsSources,
    factory,
  }: OperatorDeclaration): StreamPort {
    const nodeId = this.#add({
      ...this.#base(kind, options, isStateful),
      kind: 'operator',
      factory,
      inputCount: inputs.length,
      isStateful,
      startsChain,
      alignsSources,
    });
    for (const [inputIndex, ports] of inputs.entries()) this.#connect(ports, nodeId, inputIndex);
    return { nodeId, sideOutputTag: undefined, partitioning: FORWARD };
  }

  addSink<T>(input: readonly StreamPort[], sink: Sink<T>, options: OperatorOptions): void {
    const nodeId = this.#add({ ...this.#base('sink', options, true), kind: 'sink', sink: sink as Sink<never> });
    this.#connect(input, nodeId, 0);
  }

  nameOf(nodeId: number): string {
    return this.#nodes[nodeId]!.name;
  }

  /** Undefined: the job's. */
  parallelismOf(nodeId: number): number | undefined {
    return this.#nodes[nodeId]!.parallelism;
  }

  build(): StreamGraph {
    return { nodes: [...this.#nodes], edges: [...this.#edges] };
  }

  #base(kind: string, options: OperatorOptions, isStateful: boolean) {
    const { uid, parallelism } = options;
    const name = options.name ?? uid ?? kind;
    if (uid === undefined) {
      if (isStateful) {
        throw new UserError('JOB_DEFINITION', `${kind} '${name}' keeps state but has no uid`, {
          hint: `Pass { uid: 'some-name' } to it: the uid is how a checkpoint finds its state again.`,
        });
      }
    } else {
      this.#claimUid(uid, kind, name);
    }
    if (parallelism !== undefined && !(Number.isInteger(parallelism) && parallelism > 0)) {
      throw new UserError(
        'JOB_DEFINITION',
        `parallelism of '${name}' must be a positive integer, found ${parallelism}`,
      );
    }
    return { nodeId: this.#nodes.length, name, uid, parallelism };
  }

  #claimUid(uid: string, kind: string, name: string): void {
    if (typeof uid !== 'string' || uid.trim() === '') {
      throw new UserError(
        'JOB_DEFINITION',
        `the uid of '${name}' must be a non-empty string, found ${JSON.stringify(uid)}`,
      );
    }
    const other = this.#nameByUid.get(uid);
    if (other !== undefined) {
      throw new UserError('JOB_DEFINITION', `the uid '${uid}' is used twice: by ${other} and by ${kind} '${name}'`, {
        hint: "Give each operator, source and sink a uid of its own. A source's uid is its name unless it is given one; that of print(label) is print-label.",
      });
    }
    this.#nameByUid.set(uid, `${kind} '${name}'`);
  }

  #add(node: StreamNode): number {
    assert(node.nodeId === this.#nodes.length, () => `expected node ${this.#nodes.length}, found ${node.nodeId}`);
    this.#nodes.push(node);
    return node.nodeId;
  }

  #connect(ports: readonly StreamPort[], targetNodeId: number, inputIndex: number): void {
    for (const { nodeId, sideOutputTag, partitioning } of ports) {
      this.#edges.push({ sourceNodeId: nodeId, targetNodeId, inputIndex, partitioning, sideOutputTag });
    }
  }
}
