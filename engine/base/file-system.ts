/**
 * The few file operations that storage is built on. Paths are absolute or relative to the working directory and use
 * `/`. Errors are `ExternalError` with code NOT_FOUND, STORAGE_FULL or STORAGE and name the path.
 */
export interface FileSystem {
  read(path: string): Promise<Uint8Array>;
  /** Reads up to `length` bytes from `offset`; fewer at the end of the file. */
  readRange(path: string, offset: number, length: number): Promise<Uint8Array>;
  /** Opens a file that is read piece by piece into buffers of the caller. Absent: only `readRange`. */
  openFile?(path: string): Promise<OpenFile>;
  /** Writes the whole file and makes it durable. Not atomic: pair it with `rename` or `link`. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Atomically replaces `to`. */
  rename(from: string, to: string): Promise<void>;
  /** Atomically creates `to` as another name of `from`. Resolves to false, changing nothing, when `to` exists. */
  linkIfAbsent(from: string, to: string): Promise<boolean>;
  /** Removes a file; a missing one is no error. */
  remove(path: string): Promise<void>;
  /** Removes a folder with all it holds; a missing one is no error. */
  removeTree(path: string): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  /** All files below `path`, recursively, as paths relative to it, sorted by code unit. Empty for a missing folder. */
  list(path: string): Promise<FileEntry[]>;
  stat(path: string): Promise<FileEntry | undefined>;
}

/** A file open for reading. */
export interface OpenFile {
  /** Reads up to `length` bytes from `offset` to `buffer[at]` and what follows; fewer, down to 0, at the end of the file. */
  read(buffer: Buffer, at: number, length: number, offset: number): Promise<number>;
  /** The same at once: cheaper while the system has the bytes in memory, but the thread waits where it has not. */
  readNow(buffer: Buffer, at: number, length: number, offset: number): number;
  close(): Promise<void>;
}

export interface FileEntry {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAtMs: number;
}
