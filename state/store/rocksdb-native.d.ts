/** The calls of `rocksdb-native` that we use; the package has no types of its own. */
declare module 'rocksdb-native' {
  interface Range {
    readonly gte?: Uint8Array;
    readonly lt?: Uint8Array;
  }

  interface ReadBatch {
    get(key: Uint8Array): Promise<Buffer | null>;
    flush(): Promise<void>;
    destroy(): void;
  }

  interface WriteBatch {
    tryPut(key: Uint8Array, value: Uint8Array): void;
    tryDelete(key: Uint8Array): void;
    tryDeleteRange(start: Uint8Array, end: Uint8Array): void;
    flush(): Promise<void>;
    destroy(): void;
  }

  class RocksDB {
    constructor(path: string, options?: Readonly<Record<string, unknown>>);
    ready(): Promise<void>;
    read(options?: { readonly capacity?: number }): ReadBatch;
    write(options?: { readonly capacity?: number }): WriteBatch;
    iterator(
      range: Range,
      options?: { readonly limit?: number; readonly capacity?: number },
    ): AsyncIterable<{ readonly key: Buffer; readonly value: Buffer }>;
    close(options?: { readonly force?: boolean }): Promise<void>;
  }

  export default RocksDB;
}
