import type { Environment, TimerHandle } from '../base/environment.ts';
import type { JobGraph } from '../graph/job-graph.ts';
import type { JoinedAlignment } from '../task/source-alignment.ts';
import { AlignmentGroup } from '../time/alignment-group.ts';
import { createSharedPositions, SharedAlignmentGroup, type SharedPositions } from '../time/shared-alignment-group.ts';

interface CoordinatedGroup {
  readonly group: AlignmentGroup;
  readonly updateIntervalMs: number;
}

interface AlignedNode {
  readonly alignment: JoinedAlignment;
  /** Slot of its first subtask; the others follow. */
  readonly slotStart: number;
}

/** The alignment groups of an attempt: which sources are in which, and the clock by which quiet ones are found. */
export class AlignmentCoordinator {
  readonly #environment: Environment;
  readonly #nodes = new Map<number, AlignedNode>();
  readonly #groups: readonly CoordinatedGroup[];
  readonly #timers = new Map<CoordinatedGroup, TimerHandle>();

  /**
   * @param options `shared`: where the sources of other threads tell how far they are; see `createSharedAlignment`.
   * `onWake`: sources that were held may be read again.
   */
  constructor(
    environment: Environment,
    graph: JobGraph,
    options: { readonly shared?: readonly SharedPositions[] | undefined; readonly onWake: () => void },
  ) {
    const { shared, onWake } = options;
    this.#environment = environment;
    this.#groups = groupsOf(graph).map(({ sources, updateIntervalMs }, index) => {
      const group =
        shared === undefined ? new AlignmentGroup(onWake) : new SharedAlignmentGroup(shared[index]!, onWake);
      for (const { nodeId, settings, slotStart } of sources)
        this.#nodes.set(nodeId, { alignment: { group, settings }, slotStart });
      return { group, updateIntervalMs };
    });
  }

  alignmentOf(nodeId: number, subtaskIndex: number): JoinedAlignment | undefined {
    const node = this.#nodes.get(nodeId);
    return node === undefined ? undefined : { ...node.alignment, slot: node.slotStart + subtaskIndex };
  }

  start(): void {
    for (const coordinated of this.#groups) if (!coordinated.group.isEmpty) this.#schedule(coordinated);
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel();
  }

  #schedule(coordinated: CoordinatedGroup): void {
    const { group, updateIntervalMs } = coordinated;
    const timer = this.#environment.scheduler.setTimer(updateIntervalMs, () => {
      group.refresh();
      if (group.isEmpty) this.#timers.delete(coordinated);
      else this.#schedule(coordinated);
    });
    this.#timers.set(coordinated, timer);
  }
}

/** What the alignment of a job over several threads goes by, one for each group. */
export function createSharedAlignment(graph: JobGraph): SharedPositions[] {
  return groupsOf(graph).map(({ memberCount }) => createSharedPositions(memberCount));
}

interface PlannedGroup {
  readonly sources: {
    readonly nodeId: number;
    readonly settings: JoinedAlignment['settings'];
    readonly slotStart: number;
  }[];
  updateIntervalMs: number;
  /** Subtasks of all its sources. */
  memberCount: number;
}

/** The same on every thread. */
function groupsOf({ alignedSources, vertices }: JobGraph): readonly PlannedGroup[] {
  const groups = new Map<string, PlannedGroup>();
  for (const { nodeId, alignment: settings } of alignedSources) {
    const { updateIntervalMs, isByDefault = false } = settings;
    const key = `${isByDefault} ${settings.group}`;
    const group = groups.get(key) ?? { sources: [], updateIntervalMs, memberCount: 0 };
    groups.set(key, group);
    group.updateIntervalMs = Math.min(group.updateIntervalMs, updateIntervalMs);
    group.sources.push({ nodeId, settings, slotStart: group.memberCount });
    group.memberCount += vertices.find(({ head }) => head.nodeId === nodeId)!.parallelism;
  }
  return [...groups.values()];
}
