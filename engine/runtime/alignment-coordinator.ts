import type { Environment, TimerHandle } from '../base/environment.ts';
import type { AlignedSource } from '../graph/aligned-sources.ts';
import type { JoinedAlignment } from '../task/source-alignment.ts';
import { AlignmentGroup } from '../time/alignment-group.ts';

interface CoordinatedGroup {
  readonly group: AlignmentGroup;
  updateIntervalMs: number;
}

/** The alignment groups of an attempt: which sources are in which, and the clock by which quiet ones are found. */
export class AlignmentCoordinator {
  readonly #environment: Environment;
  readonly #sources = new Map<number, JoinedAlignment>();
  readonly #groups = new Map<string, CoordinatedGroup>();
  readonly #timers = new Map<CoordinatedGroup, TimerHandle>();

  /** @param onWake sources that were held may be read again. */
  constructor(environment: Environment, sources: readonly AlignedSource[], onWake: () => void) {
    this.#environment = environment;
    for (const { nodeId, alignment } of sources) {
      const { updateIntervalMs, isByDefault = false } = alignment;
      const key = `${isByDefault} ${alignment.group}`;
      const coordinated = this.#groups.get(key) ?? { group: new AlignmentGroup(onWake), updateIntervalMs };
      coordinated.updateIntervalMs = Math.min(coordinated.updateIntervalMs, updateIntervalMs);
      this.#groups.set(key, coordinated);
      this.#sources.set(nodeId, { group: coordinated.group, settings: alignment });
    }
  }

  alignmentOf(nodeId: number): JoinedAlignment | undefined {
    return this.#sources.get(nodeId);
  }

  start(): void {
    for (const coordinated of this.#groups.values()) this.#schedule(coordinated);
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
