import type { JobGraph } from './job-graph.ts';

/**
 * What two threads must agree on that build the same job: operators, uids, parallelism and edges, as text. Functions and
 * settings inside of them are left out. Pure.
 */
export function graphText(graph: JobGraph): string {
  const lines = graph.vertices.map(({ nodes, parallelism }) => {
    const names = nodes.map(({ kind, name, uid }) => `${kind} '${name}'${uid === undefined ? '' : ` (${uid})`}`);
    return `${names.join(' -> ')} × ${parallelism}`;
  });
  for (const { sourceVertexId, sourceNodeId, targetVertexId, inputIndex, partitioning, sideOutputTag } of graph.edges) {
    const tag = sideOutputTag === undefined ? '' : ` side output ${sideOutputTag.id}`;
    lines.push(`${sourceVertexId}.${sourceNodeId} -> ${targetVertexId} input ${inputIndex} ${partitioning.kind}${tag}`);
  }
  lines.push(`max parallelism ${graph.maxParallelism}`);
  return lines.join('\n');
}
