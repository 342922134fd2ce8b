import { UserError } from '../../engine/base/errors.ts';
import type { StreamEdge, StreamGraph, StreamNode } from '../../engine/graph/stream-graph.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import { type CollectedRows, collectSink } from '../../operators/sink/collect/collect-sink.ts';
import { type PushedElements, pushedSource, pushedWatermarks } from './pushed-source.ts';

/** What takes the place of a job's ends. Keys are uids, or names where there is no uid. */
export interface TestEnds {
  readonly sources: ReadonlyMap<string, PushedElements>;
  readonly sinks: ReadonlyMap<string, CollectedRows<unknown>>;
  readonly sideOutputs: ReadonlyMap<
    string,
    { readonly tag: OutputTag<unknown>; readonly rows: CollectedRows<unknown> }
  >;
}

/** Names by which a test may call a node. */
function isCalled(node: StreamNode, name: string): boolean {
  return node.uid === name || node.name === name;
}

export function keyOf(node: StreamNode): string {
  return node.uid ?? node.name;
}

/** The job's graph with pushed sources, collecting sinks, and a reader for each side output asked for. */
export function withTestEnds(graph: StreamGraph, ends: TestEnds): StreamGraph {
  const nodes: StreamNode[] = graph.nodes.map((node) => {
    if (node.kind === 'source') {
      const elements = ends.sources.get(keyOf(node));
      if (elements === undefined) return node;
      const watermarkStrategy = pushedWatermarks(node.watermarkStrategy, elements);
      return { ...node, source: pushedSource(node.name, elements), watermarkStrategy };
    }
    if (node.kind === 'sink') {
      const rows = ends.sinks.get(keyOf(node));
      return rows === undefined ? node : { ...node, sink: collectSink({ into: rows, visibility: 'immediately' }) };
    }
    return node;
  });
  const edges: StreamEdge[] = [...graph.edges];
  for (const [id, { tag, rows }] of ends.sideOutputs) {
    const nodeId = nodes.length;
    const uid = `side-output-of-test-${id}`;
    const sink = collectSink({ into: rows, visibility: 'immediately' });
    nodes.push({ nodeId, name: uid, uid, parallelism: 1, kind: 'sink', sink });
    for (const node of graph.nodes) {
      if (node.kind !== 'operator') continue;
      edges.push({
        sourceNodeId: node.nodeId,
        targetNodeId: nodeId,
        inputIndex: 0,
        partitioning: { kind: 'global' },
        sideOutputTag: tag,
      });
    }
  }
  return { nodes, edges };
}

/** @throws UserError JOB_DEFINITION that lists what there is. */
export function nodeCalled(graph: StreamGraph, kind: 'source' | 'sink', name: string): StreamNode {
  const candidates = graph.nodes.filter((node) => node.kind === kind);
  const node = candidates.find((candidate) => isCalled(candidate, name));
  if (node !== undefined) return node;
  const names = candidates.map((candidate) => `'${keyOf(candidate)}'`).join(', ');
  throw new UserError('JOB_DEFINITION', `the job has no ${kind} '${name}', found ${names || 'none'}`);
}
