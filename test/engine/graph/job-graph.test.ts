import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createJobGraph, DEFAULT_MAX_PARALLELISM } from '../../../engine/graph/job-graph.ts';
import type { StreamEdge, StreamGraph, StreamNode } from '../../../engine/graph/stream-graph.ts';
import { UserError } from '../../../engine/base/errors.ts';
import { arbitraryStreamGraph, sourceNode } from './arbitrary-stream-graph.ts';

test('every node runs in one place, and every edge is in a chain or between two', () => {
  fc.assert(
    fc.property(arbitraryStreamGraph, fc.integer({ min: 1, max: 3 }), (graph, parallelism) => {
      const job = createJobGraph(graph, { parallelism });
      const placed = job.vertices.flatMap((vertex) => vertex.nodes.map((node) => node.nodeId));
      expect(placed.toSorted((a, b) => a - b)).toEqual(graph.nodes.map((node) => node.nodeId));
      const chained = job.vertices.flatMap((vertex) => vertex.chainedEdges);
      expect(chained.length + job.edges.length).toBe(graph.edges.length);
      expect(job.vertices.map((vertex) => vertex.vertexId)).toEqual([...job.vertices.keys()]);
      expect(job.edges.map((edge) => edge.edgeId)).toEqual([...job.edges.keys()]);
      for (const edge of job.edges) {
        // Producers before consumers, so that vertices can be run in this order.
        expect(edge.sourceVertexId).toBeLessThan(edge.targetVertexId);
        const source = job.vertices[edge.sourceVertexId]!;
        expect(source.nodes.map((node) => node.nodeId)).toContain(edge.sourceNodeId);
      }
    }),
    { numRuns: 300 },
  );
});

test('a chain is exactly what can run as one: one input, forward, same parallelism', () => {
  fc.assert(
    fc.property(arbitraryStreamGraph, fc.integer({ min: 1, max: 3 }), (graph, parallelism) => {
      const job = createJobGraph(graph, { parallelism });
      const chained = new Set(job.vertices.flatMap((vertex) => vertex.chainedEdges));
      const parallelismOf = (nodeId: number): number => graph.nodes[nodeId]!.parallelism ?? parallelism;
      const canChain = (edge: StreamEdge): boolean =>
        edge.partitioning.kind === 'forward' &&
        graph.edges.filter((other) => other.targetNodeId === edge.targetNodeId).length === 1 &&
        parallelismOf(edge.sourceNodeId) === parallelismOf(edge.targetNodeId);
      for (const edge of graph.edges) expect(chained.has(edge)).toBe(canChain(edge));
      for (const vertex of job.vertices) {
        expect(vertex.head).toBe(vertex.nodes[0]);
        for (const node of vertex.nodes) expect(parallelismOf(node.nodeId)).toBe(vertex.parallelism);
        // In the order of `nodes`, each node but the head has its producer before it.
        for (const [at, node] of vertex.nodes.entries()) {
          const edge = vertex.chainedEdges.find((candidate) => candidate.targetNodeId === node.nodeId);
          const producerAt = vertex.nodes.findIndex((candidate) => candidate.nodeId === edge?.sourceNodeId);
          if (at > 0) expect(producerAt).toBeLessThan(at);
          else expect(edge).toBeUndefined();
        }
      }
    }),
    { numRuns: 300 },
  );
});

const source = sourceNode(0);
const operator: StreamNode = {
  nodeId: 1,
  name: 'Count clicks!',
  uid: undefined,
  parallelism: undefined,
  kind: 'operator',
  factory: () => expect.unreachable('nothing is run here'),
  inputCount: 1,
  isStateful: true,
};

function graphOf(...nodes: StreamNode[]): StreamGraph {
  const edges = nodes.slice(1).map((node): StreamEdge => ({
    sourceNodeId: 0,
    targetNodeId: node.nodeId,
    inputIndex: 0,
    partitioning: { kind: 'forward' },
    sideOutputTag: undefined,
  }));
  return { nodes, edges };
}

function refusal(graph: StreamGraph, options = {}): UserError {
  try {
    createJobGraph(graph, options);
  } catch (error) {
    return error as UserError;
  }
  return expect.unreachable('the graph was accepted');
}

test('a stateful operator without uid is refused, with one to copy', () => {
  const error = refusal(graphOf(source, operator));
  expect(error).toBeInstanceOf(UserError);
  expect(error.code).toBe('JOB_DEFINITION');
  expect(error.message).toBe("operator 'Count clicks!' keeps state but has no uid");
  expect(error.hint).toContain("{ uid: 'count-clicks' }");
  expect(() => createJobGraph(graphOf(source, { ...operator, isStateful: false }))).not.toThrow();
  expect(refusal(graphOf(source, { ...operator, name: '!!!' })).hint).toContain("'my-operator'");
});

test('a uid used twice names both', () => {
  const twice = [1, 2].map((nodeId): StreamNode => ({ ...operator, nodeId, name: `op ${nodeId}`, uid: 'same' }));
  expect(refusal(graphOf(source, ...twice)).message).toBe("the uid 'same' is used twice: by 'op 1' and by 'op 2'");
});

test('a job needs a source', () => {
  expect(refusal({ nodes: [], edges: [] }).message).toBe('the job has no source');
});

test.each([0, -1, 1.5, Number.NaN, DEFAULT_MAX_PARALLELISM + 1])('max parallelism %d is refused', (maxParallelism) => {
  expect(refusal(graphOf(source), { maxParallelism }).message).toContain(`found ${maxParallelism}`);
});

test('parallelism lies between 1 and max parallelism, and the message names the node', () => {
  expect(refusal(graphOf(source), { parallelism: 9, maxParallelism: 8 }).message).toBe(
    "parallelism of 'node 0' must be an integer in [1, 8], found 9",
  );
  expect(refusal(graphOf({ ...source, parallelism: 0 })).message).toContain('found 0');
  expect(createJobGraph(graphOf(source), { parallelism: 8, maxParallelism: 8 }).vertices[0]!.parallelism).toBe(8);
});

test('an edge that must keep the subtask is refused between different parallelisms, naming both', () => {
  const target: StreamNode = { ...operator, uid: 'count', parallelism: 3 };
  const { nodes, edges } = graphOf(source, target);
  const required = edges.map((edge) => ({ ...edge, partitioning: { kind: 'forward', isRequired: true } as const }));
  expect(refusal({ nodes, edges: required }, { parallelism: 2 }).message).toBe(
    "forward() from 'node 0' (parallelism 2) to 'Count clicks!' (3) needs the same parallelism",
  );
  expect(createJobGraph({ nodes, edges: required }, { parallelism: 3 }).vertices).toHaveLength(1);
});
