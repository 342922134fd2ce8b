import { assert } from '../base/assert.ts';

/** What the aligner decides. */
export interface AlignmentListener {
  /** All open channels have delivered the barrier: take the checkpoint now. */
  onAligned(checkpointId: number): void;
  /** The checkpoint will not be taken here. */
  onAborted(checkpointId: number, reason: string): void;
}

const NONE = -1;

/**
 * Aligns the barriers of a task's input channels: a channel that delivered its barrier is blocked until all have.
 *
 * Law: between the first and the last barrier of a checkpoint, no record that follows a barrier is processed.
 * A newer barrier aborts an alignment under way; barriers of aborted or older checkpoints are ignored and block nothing;
 * a finished channel counts as having delivered its barrier.
 */
export class BarrierAligner {
  readonly #listener: AlignmentListener;
  readonly #isBlocked: boolean[];
  readonly #isFinished: boolean[];
  readonly #abortsWhenChannelFinishes: boolean;
  #openChannelCount: number;
  #alignedCount = 0;
  #pendingId = NONE;
  /** Highest checkpoint id begun or cancelled. */
  #latestId = NONE;

  constructor(options: {
    readonly channelCount: number;
    readonly listener: AlignmentListener;
    /** False aborts an alignment when a channel finishes during it. Default true. */
    readonly checkpointsAfterTasksFinish?: boolean | undefined;
  }) {
    this.#listener = options.listener;
    this.#isBlocked = new Array<boolean>(options.channelCount).fill(false);
    this.#isFinished = new Array<boolean>(options.channelCount).fill(false);
    this.#openChannelCount = options.channelCount;
    this.#abortsWhenChannelFinishes = options.checkpointsAfterTasksFinish === false;
  }

  isBlocked(channel: number): boolean {
    return this.#isBlocked[channel]!;
  }

  get blockedChannels(): number[] {
    return this.#isBlocked.flatMap((isBlocked, channel) => (isBlocked ? [channel] : []));
  }

  /** Highest checkpoint id begun here, or -1. */
  get latestCheckpointId(): number {
    return this.#latestId;
  }

  /** Checkpoint being aligned, or undefined, and the channels it still waits for. */
  get waitingFor(): { readonly checkpointId: number; readonly channels: readonly number[] } | undefined {
    if (this.#pendingId === NONE) return undefined;
    const channels = this.#isBlocked.flatMap((isBlocked, channel) =>
      isBlocked || this.#isFinished[channel] ? [] : [channel],
    );
    return { checkpointId: this.#pendingId, channels };
  }

  onBarrier(channel: number, checkpointId: number): void {
    assert(!this.#isBlocked[channel], () => `channel ${channel} delivered barrier ${checkpointId} while blocked`);
    if (checkpointId > this.#latestId) {
      this.#abortPending(`checkpoint ${checkpointId} started before its barriers were complete`);
      this.#latestId = checkpointId;
      this.#pendingId = checkpointId;
    } else if (checkpointId !== this.#pendingId) {
      return;
    }
    this.#isBlocked[channel] = true;
    this.#alignedCount++;
    this.#completeIfAligned();
  }

  onCancelBarrier(checkpointId: number): void {
    if (checkpointId < this.#latestId) return;
    if (checkpointId === this.#latestId && this.#pendingId === NONE) return;
    if (this.#pendingId !== NONE && this.#pendingId !== checkpointId) {
      this.#abortPending(`checkpoint ${checkpointId} was cancelled after it`);
    }
    this.#latestId = checkpointId;
    this.#unblockAll();
    this.#listener.onAborted(checkpointId, 'cancelled by its trigger');
  }

  onEndOfPartition(channel: number): void {
    assert(!this.#isFinished[channel], () => `channel ${channel} finished twice`);
    this.#isFinished[channel] = true;
    this.#openChannelCount--;
    if (this.#isBlocked[channel]) {
      this.#isBlocked[channel] = false;
      this.#alignedCount--;
    }
    if (this.#pendingId === NONE) return;
    if (this.#abortsWhenChannelFinishes) this.#abortPending('an input finished during the alignment');
    else this.#completeIfAligned();
  }

  #completeIfAligned(): void {
    if (this.#alignedCount < this.#openChannelCount) return;
    const checkpointId = this.#pendingId;
    this.#unblockAll();
    this.#listener.onAligned(checkpointId);
  }

  #abortPending(reason: string): void {
    if (this.#pendingId === NONE) return;
    const checkpointId = this.#pendingId;
    this.#unblockAll();
    this.#listener.onAborted(checkpointId, reason);
  }

  #unblockAll(): void {
    this.#isBlocked.fill(false);
    this.#alignedCount = 0;
    this.#pendingId = NONE;
  }
}
