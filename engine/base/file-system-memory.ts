import { ExternalError } from './errors.ts';
import type { FileEntry, FileSystem, OpenFile } from './file-system.ts';

interface MemoryFile {
  readonly bytes: Uint8Array;
  readonly modifiedAtMs: number;
}

/** Files in memory, for virtual runs. It outlives a simulated crash when it is handed to the next environment. */
export class MemoryFileSystem implements FileSystem {
  readonly #files = new Map<string, MemoryFile>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => 0) {
    this.#nowMs = nowMs;
  }

  async read(path: string): Promise<Uint8Array> {
    return new Uint8Array(this.#get(path).bytes);
  }

  async readRange(path: string, offset: number, length: number): Promise<Uint8Array> {
    return this.#get(path).bytes.slice(offset, offset + length);
  }

  async openFile(path: string): Promise<OpenFile> {
    this.#get(path);
    const readNow = (buffer: Buffer, at: number, length: number, offset: number): number => {
      const bytes = this.#get(path).bytes.subarray(offset, offset + length);
      buffer.set(bytes, at);
      return bytes.length;
    };
    return {
      readNow,
      read: async (buffer, at, length, offset) => readNow(buffer, at, length, offset),
      close: async () => {},
    };
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    this.#files.set(path, { bytes: new Uint8Array(bytes), modifiedAtMs: this.#nowMs() });
  }

  async rename(from: string, to: string): Promise<void> {
    const file = this.#get(from);
    this.#files.delete(from);
    this.#files.set(to, file);
  }

  async linkIfAbsent(from: string, to: string): Promise<boolean> {
    const file = this.#get(from);
    if (this.#files.has(to)) return false;
    this.#files.set(to, file);
    return true;
  }

  async remove(path: string): Promise<void> {
    this.#files.delete(path);
  }

  async removeTree(path: string): Promise<void> {
    for (const name of this.#files.keys()) if (name.startsWith(`${path}/`)) this.#files.delete(name);
  }

  async makeDirectory(): Promise<void> {}

  async list(path: string): Promise<FileEntry[]> {
    const prefix = path === '' ? '' : `${path}/`;
    const entries: FileEntry[] = [];
    for (const [name, file] of this.#files) {
      if (name.startsWith(prefix)) {
        entries.push({ path: name.slice(prefix.length), bytes: file.bytes.length, modifiedAtMs: file.modifiedAtMs });
      }
    }
    return entries.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  }

  async stat(path: string): Promise<FileEntry | undefined> {
    const file = this.#files.get(path);
    return file === undefined ? undefined : { path, bytes: file.bytes.length, modifiedAtMs: file.modifiedAtMs };
  }

  /** Damages a stored file for fault tests: cuts it to `keepBytes`. */
  tear(path: string, keepBytes: number): void {
    const file = this.#get(path);
    this.#files.set(path, { bytes: file.bytes.slice(0, keepBytes), modifiedAtMs: file.modifiedAtMs });
  }

  #get(path: string): MemoryFile {
    const file = this.#files.get(path);
    if (file === undefined) throw new ExternalError('NOT_FOUND', `no such file: ${path}`, { retryable: false });
    return file;
  }
}
