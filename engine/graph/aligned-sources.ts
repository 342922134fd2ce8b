import { ALIGNMENT_UPDATE_INTERVAL_MS, type WatermarkAlignment } from '../time/watermark-alignment.ts';
import { durationMs } from '../time/duration.ts';
import { UserError } from '../base/errors.ts';
import type { JobOptions } from './job-options.ts';
import type { OperatorNode, SourceNode, StreamGraph } from './stream-graph.ts';

/** Default drift between the sources of a join, milliseconds of event time. */
export const ALIGNMENT_DRIFT_MS = 60_000;

/** A source with its group. */
export interface AlignedSource {
  readonly nodeId: number;
  readonly alignment: WatermarkAlignment;
}

/**
 * The sources to be aligned. All that feed one operator that waits for time on several inputs form a group, and groups
 * that share a source are one; what a source's own strategy says wins. Pure.
 *
 * @throws UserError CONFIGURATION for a drift that is negative.
 */
export function findAlignedSources(graph: StreamGraph, { watermarkAlignment }: JobOptions): AlignedSource[] {
  const sources = graph.nodes.filter((node) => node.kind === 'source');
  const groups = watermarkAlignment === false ? new Map<number, number>() : groupByJoins(graph);
  const maxDriftMs =
    watermarkAlignment === undefined || watermarkAlignment === false
      ? ALIGNMENT_DRIFT_MS
      : durationMs(watermarkAlignment);
  if (!(maxDriftMs >= 0)) {
    throw new UserError('CONFIGURATION', `watermarkAlignment must not be negative, found ${maxDriftMs} ms`);
  }
  return sources.flatMap((node): AlignedSource[] => {
    const own = node.watermarkStrategy.alignment;
    if (own === 'off') return [];
    if (own !== undefined) return [{ nodeId: node.nodeId, alignment: own }];
    const root = groups.get(node.nodeId);
    if (root === undefined) return [];
    const group = `sources of ${nameOf(sources.find(({ nodeId }) => nodeId === root)!)} and others`;
    const updateIntervalMs = ALIGNMENT_UPDATE_INTERVAL_MS;
    return [{ nodeId: node.nodeId, alignment: { group, maxDriftMs, updateIntervalMs, isByDefault: true } }];
  });
}

/** For each source that feeds a join and may be aligned, the first source of its group. */
function groupByJoins(graph: StreamGraph): Map<number, number> {
  const groups = new Map<number, number>();
  for (const node of graph.nodes) {
    if (node.kind !== 'operator' || !alignsSources(graph, node)) continue;
    const members = sourcesBefore(graph, node.nodeId).filter(mayBeAligned);
    const joined = new Set(members.flatMap(({ nodeId }) => groups.get(nodeId) ?? nodeId));
    const root = Math.min(...joined);
    for (const { nodeId } of members) groups.set(nodeId, root);
    for (const [nodeId, other] of groups) if (joined.has(other)) groups.set(nodeId, root);
  }
  return groups;
}

function alignsSources(graph: StreamGraph, node: OperatorNode): boolean {
  if (node.alignsSources !== undefined) return node.alignsSources;
  return (
    node.inputCount > 1 &&
    graph.edges.every((edge) => edge.targetNodeId !== node.nodeId || edge.partitioning.kind === 'hash')
  );
}

/** Without watermarks of its own a source has no event time to align by. */
function mayBeAligned({ watermarkStrategy }: SourceNode): boolean {
  return watermarkStrategy.alignment === undefined && !watermarkStrategy.isWithoutWatermarks;
}

function sourcesBefore(graph: StreamGraph, nodeId: number): SourceNode[] {
  const seen = new Set([nodeId]);
  const sources: SourceNode[] = [];
  // A set is also walked over what is added on the way.
  for (const id of seen) {
    const node = graph.nodes[id]!;
    if (node.kind === 'source') sources.push(node);
    for (const edge of graph.edges) if (edge.targetNodeId === id) seen.add(edge.sourceNodeId);
  }
  return sources;
}

function nameOf(node: SourceNode): string {
  return `'${node.uid ?? node.name}'`;
}
