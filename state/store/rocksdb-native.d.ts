/** The calls of rocksdb-native that we use; the package has no types of its own. */
declare module 'rocksdb-native' {
  interface Range {
    readonly gte: Uint8Array;
    readonly lt: Uint8Array;
  }

  interface ReadBatch {
    get(key: Uint8Array): Promise<Buffer | null>;
    flush(): Promise<void>;
    /** Must be called, or `close` of the database never settles. */
    destroy(): void;
  }

  interface WriteBatch {
    tryPut(key: Uint8Array, value: Uint8Array): void;
    tryDelete(key: Uint8Array): void;
    tryDeleteRange(start: Uint8Array, end: Uint8Array): void;
    flush(): Promise<void>;
    destroy(): void;
  }

  interface Options {
    readonly writeBufferSize?: number;
    readonly maxWriteBufferNumber?: number;
    readonly maxBackgroundJobs?: number;
    readonly tableBlockSize?: number;
    readonly optimizeFiltersForMemory?: boolean;
    readonly optimizeFiltersForHits?: boolean;
    readonly avoidFlushDuringShutdown?: boolean;
  }

  export default class RocksDB {
    constructor(path: string, options?: Options);
    ready(): Promise<void>;
    read(options?: { readonly capacity?: number; readonly asyncIO?: boolean }): ReadBatch;
    write(options?: { readonly capacity?: number }): WriteBatch;
    iterator(
      range: Range,
      options: { readonly capacity: number; readonly limit: number },
    ): AsyncIterable<{ readonly key: Buffer; readonly value: Buffer }>;
    getProperty(name: string): Promise<string | null>;
    close(): Promise<void>;
  }
}
