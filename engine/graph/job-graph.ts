import { UserError } from '../base/errors.ts';
import type { OutputTag } from '../task/output-tag.ts';
import { type AlignedSource, findAlignedSources } from './aligned-sources.ts';
import { checkUid } from './uid.ts';
import type { JobOptions } from './job-options.ts';
import type { Partitioning, StreamEdge, StreamGraph, StreamNode } from './stream-graph.ts';

/** Default number of key groups. High on purpose: it can never change for existing state, and a group is only a key prefix. */
export const DEFAULT_MAX_PARALLELISM = 32_768;

/** The stream graph with operators chained into vertices: one vertex runs as one task per subtask. */
export interface JobGraph {
  readonly maxParallelism: number;
  /** In topological order: producers before consumers. */
  readonly vertices: readonly JobVertex[];
  readonly edges: readonly JobEdge[];
  /** Sources that are kept from running ahead of others. */
  readonly alignedSources: readonly AlignedSource[];
}

export interface JobVertex {
  /** Index in `JobGraph.vertices`. */
  readonly vertexId: number;
  /** Names of its nodes: `clicks -> parse`. */
  readonly name: string;
  readonly parallelism: number;
  readonly head: StreamNode;
  /** All nodes, the head first, producers before consumers. */
  readonly nodes: readonly StreamNode[];
  /** Edges inside the chain. */
  readonly chainedEdges: readonly StreamEdge[];
  /** Number of inputs of the head: 0 for a source, else 1 or 2. */
  readonly inputCount: number;
}

export interface JobEdge {
  /** Index in `JobGraph.edges`. */
  readonly edgeId: number;
  readonly sourceVertexId: number;
  readonly sourceNodeId: number;
  readonly targetVertexId: number;
  readonly inputIndex: number;
  readonly partitioning: Partitioning;
  readonly sideOutputTag: OutputTag<unknown> | undefined;
}

/**
 * Checks a stream graph and chains it. Pure.
 *
 * @throws UserError JOB_DEFINITION: no source, a stateful node without uid, a uid twice, a bad parallelism.
 */
export function createJobGraph(graph: StreamGraph, options: JobOptions = {}): JobGraph {
  const maxParallelism = options.maxParallelism ?? DEFAULT_MAX_PARALLELISM;
  const defaultParallelism = options.parallelism ?? 1;
  const parallelismOf = (node: StreamNode): number => node.parallelism ?? defaultParallelism;
  checkGraph(graph, maxParallelism, parallelismOf);

  const inputs = groupBy(graph.edges, (edge) => edge.targetNodeId);
  const outputs = groupBy(graph.edges, (edge) => edge.sourceNodeId);
  const isChained = (edge: StreamEdge): boolean => {
    const target = graph.nodes[edge.targetNodeId]!;
    return (
      edge.partitioning.kind === 'forward' &&
      (inputs.get(edge.targetNodeId)?.length ?? 0) === 1 &&
      !(target.kind === 'operator' && (target.inputCount !== 1 || target.startsChain === true)) &&
      parallelismOf(target) === parallelismOf(graph.nodes[edge.sourceNodeId]!)
    );
  };

  const vertices: JobVertex[] = [];
  const vertexOfNode = new Map<number, number>();
  for (const head of topologicalOrder(graph)) {
    const incoming = inputs.get(head.nodeId) ?? [];
    if (incoming.some(isChained)) continue;
    const nodes: StreamNode[] = [];
    const chainedEdges: StreamEdge[] = [];
    const visit = (node: StreamNode): void => {
      nodes.push(node);
      for (const edge of outputs.get(node.nodeId) ?? []) {
        if (!isChained(edge)) continue;
        chainedEdges.push(edge);
        visit(graph.nodes[edge.targetNodeId]!);
      }
    };
    visit(head);
    const vertexId = vertices.length;
    for (const node of nodes) vertexOfNode.set(node.nodeId, vertexId);
    vertices.push({
      vertexId,
      name: nodes.map((node) => node.name).join(' -> '),
      parallelism: parallelismOf(head),
      head,
      nodes,
      chainedEdges,
      inputCount: head.kind === 'source' ? 0 : head.kind === 'operator' ? head.inputCount : 1,
    });
  }

  const edges = graph.edges
    .filter((edge) => !isChained(edge))
    .map((edge, edgeId): JobEdge => ({
      edgeId,
      sourceVertexId: vertexOfNode.get(edge.sourceNodeId)!,
      sourceNodeId: edge.sourceNodeId,
      targetVertexId: vertexOfNode.get(edge.targetNodeId)!,
      inputIndex: edge.inputIndex,
      partitioning: edge.partitioning,
      sideOutputTag: edge.sideOutputTag,
    }));
  return { maxParallelism, vertices, edges, alignedSources: findAlignedSources(graph, options) };
}

function checkGraph(graph: StreamGraph, maxParallelism: number, parallelismOf: (node: StreamNode) => number): void {
  if (!Number.isInteger(maxParallelism) || maxParallelism < 1 || maxParallelism > DEFAULT_MAX_PARALLELISM) {
    throw new UserError(
      'CONFIGURATION',
      `max parallelism must be an integer in [1, ${DEFAULT_MAX_PARALLELISM}], found ${maxParallelism}`,
    );
  }
  if (!graph.nodes.some((node) => node.kind === 'source')) {
    throw new UserError('JOB_DEFINITION', 'the job has no source', {
      hint: 'Start with env.fromSource(...) in build().',
    });
  }
  for (const { sourceNodeId, targetNodeId, partitioning } of graph.edges) {
    const [source, target] = [graph.nodes[sourceNodeId]!, graph.nodes[targetNodeId]!];
    if (partitioning.kind !== 'forward' || partitioning.isRequired !== true) continue;
    if (parallelismOf(source) === parallelismOf(target)) continue;
    throw new UserError(
      'JOB_DEFINITION',
      `forward() from '${source.name}' (parallelism ${parallelismOf(source)}) to '${target.name}' (${parallelismOf(target)}) needs the same parallelism`,
      { hint: 'Give both the same parallelism, or use rescale() or rebalance().' },
    );
  }
  const nameByUid = new Map<string, string>();
  for (const node of graph.nodes) {
    const parallelism = parallelismOf(node);
    if (!Number.isInteger(parallelism) || parallelism < 1 || parallelism > maxParallelism) {
      throw new UserError(
        'CONFIGURATION',
        `parallelism of '${node.name}' must be an integer in [1, ${maxParallelism}], found ${parallelism}`,
      );
    }
    if (node.uid === undefined) {
      const isStateful = node.kind !== 'operator' || node.isStateful;
      if (!isStateful) continue;
      throw new UserError('JOB_DEFINITION', `${node.kind} '${node.name}' keeps state but has no uid`, {
        hint: `Add { uid: '${suggestUid(node.name)}' } to it: the uid is how a checkpoint finds its state again.`,
      });
    }
    checkUid(node.uid, node.name);
    const other = nameByUid.get(node.uid);
    if (other !== undefined) {
      throw new UserError(
        'JOB_DEFINITION',
        `the uid '${node.uid}' is used twice: by '${other}' and by '${node.name}'`,
        {
          hint: 'Give each stateful operator, source and sink a uid of its own.',
        },
      );
    }
    nameByUid.set(node.uid, node.name);
  }
}

function suggestUid(name: string): string {
  return (
    name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-|-$/g, '') || 'my-operator'
  );
}

function topologicalOrder(graph: StreamGraph): StreamNode[] {
  const remaining = new Map<number, number>();
  for (const node of graph.nodes) remaining.set(node.nodeId, 0);
  for (const edge of graph.edges) remaining.set(edge.targetNodeId, remaining.get(edge.targetNodeId)! + 1);
  const ready = graph.nodes.filter((node) => remaining.get(node.nodeId) === 0);
  const order: StreamNode[] = [];
  for (let i = 0; i < ready.length; i++) {
    const node = ready[i]!;
    order.push(node);
    for (const edge of graph.edges) {
      if (edge.sourceNodeId !== node.nodeId) continue;
      const count = remaining.get(edge.targetNodeId)! - 1;
      remaining.set(edge.targetNodeId, count);
      if (count === 0) ready.push(graph.nodes[edge.targetNodeId]!);
    }
  }
  return order;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
