import type { StreamNode } from './stream-graph.ts';

/** Stateless nodes without a uid still need a name in snapshots and messages. */
export function uidOf(node: StreamNode): string {
  return node.uid ?? `node-${node.nodeId}`;
}
