import type { Scheduler } from '../../engine/base/environment.ts';
import type { Logger } from '../../engine/base/logger.ts';
import type { MetricGroup } from '../../engine/base/metrics.ts';
import type { StateFile } from '../snapshot/state-file.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import type { PageStore } from '../store/page-store.ts';

export interface KeyedStateBackendOptions {
  readonly operatorUid: string;
  readonly maxParallelism: number;
  /** The key groups of this subtask: [start, end). */
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  readonly store: PageStore;
  /** Tells operators apart in the shared store: 0 to 65535, unique per subtask that uses it. */
  readonly storeOperatorId: number;
  /** Where checkpoints are. */
  readonly storage: ObjectStorage;
  /** Files of the checkpoint restored, oldest first; those of other key groups are passed over. */
  readonly restoreFiles: readonly StateFile[];
  readonly cache: {
    readonly decodedBytesMax: number;
    readonly encodedBytesMax: number;
    /** Default 65,536. */
    readonly decodedPagesMax?: number | undefined;
    /** Encoded bytes from which one list or map is kept in parts of its own. Default 64 kB. */
    readonly splitBytes?: number | undefined;
    /** Decoded pages that a snapshot encodes before records get a turn. Default 512. */
    readonly sweepPages?: number | undefined;
  };
  readonly metrics?: MetricGroup | undefined;
  readonly logger?: Logger | undefined;
  /** Lets a running snapshot give records a turn between pieces of a file. */
  readonly scheduler?: Scheduler | undefined;
  /** Default 8 MB. */
  readonly stateFileBytesMax?: number | undefined;
  /** Key prefix in checkpoint storage for changes that leave memory between two checkpoints. Default `changes`. */
  readonly filePrefix?: string | undefined;
  /**
   * Restores state of at least so many bytes of files while it is in use already: see `LazyRestore`. Who asks for single keys
   * (`setCurrentKey`, `inspect`, `forEachKey`) must await `whenRestored` before. Default: everything is restored at first.
   */
  readonly lazyRestore?:
    | {
        readonly fromBytes: number;
        /** Bytes restored in one go. Default 32 MB. */
        readonly unitBytes?: number | undefined;
      }
    | undefined;
}
