import { randomBytes } from 'node:crypto';
import { readSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as nodePath from 'node:path';
import type { Environment, Scheduler } from './environment.ts';
import { ExternalError } from './errors.ts';
import type { FileEntry, FileSystem, OpenFile } from './file-system.ts';
import { SILENT_LOGGER, type Logger } from './logger.ts';
import { SeededRandom } from './random.ts';

/** The real world: system clock, timers, random seed and disk. The only module that may touch them. */
export function createNodeEnvironment(options: { readonly logger?: Logger } = {}): Environment {
  return {
    clock: {
      nowMs: () => Date.now(),
      monotonicMs: () => performance.now(),
      cpuMs: () => {
        const usage = process.cpuUsage();
        return (usage.user + usage.system) / 1000;
      },
    },
    random: new SeededRandom(randomBytes(6).readUIntLE(0, 6)),
    scheduler: NODE_SCHEDULER,
    files: NODE_FILES,
    logger: options.logger ?? SILENT_LOGGER,
    variables: { ...process.env },
    newId: () => randomBytes(8).toString('hex'),
  };
}

const NODE_SCHEDULER: Scheduler = {
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), 0x7fff_ffff));
    return { cancel: () => clearTimeout(timer) };
  },
  yield: () => new Promise((resolve) => setImmediate(resolve)),
  delay: (delayMs) => new Promise((resolve) => setTimeout(resolve, Math.max(0, delayMs))),
};

const NODE_FILES: FileSystem = {
  read: (path) => translate(path, () => fs.readFile(path)),
  readRange: (path, offset, length) =>
    translate(path, async () => {
      const handle = await fs.open(path, 'r');
      try {
        const buffer = Buffer.allocUnsafe(length);
        let filled = 0;
        while (filled < length) {
          const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return buffer.subarray(0, filled);
      } finally {
        await handle.close();
      }
    }),
  openFile: (path) => translate(path, async () => new NodeFile(path, await fs.open(path, 'r'))),
  write: (path, bytes) =>
    translate(path, async () => {
      const handle = await fs.open(path, 'w');
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
    }),
  rename: (from, to) => translate(to, () => fs.rename(from, to)),
  linkIfAbsent: (from, to) =>
    translate(to, async () => {
      try {
        await fs.link(from, to);
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
        throw error;
      }
    }),
  remove: (path) => translate(path, () => fs.rm(path, { force: true })),
  removeTree: (path) => translate(path, () => fs.rm(path, { force: true, recursive: true })),
  makeDirectory: (path) => translate(path, async () => void (await fs.mkdir(path, { recursive: true }))),
  list: (path) => translate(path, () => listTree(path)),
  stat: (path) =>
    translate(path, async () => {
      try {
        const stat = await fs.stat(path);
        return stat.isFile() ? { path, bytes: stat.size, modifiedAtMs: stat.mtimeMs } : undefined;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    }),
};

class NodeFile implements OpenFile {
  readonly #path: string;
  readonly #handle: fs.FileHandle;

  constructor(path: string, handle: fs.FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  read(buffer: Buffer, at: number, length: number, offset: number): Promise<number> {
    return translate(this.#path, async () => (await this.#handle.read(buffer, at, length, offset)).bytesRead);
  }

  readNow(buffer: Buffer, at: number, length: number, offset: number): number {
    try {
      return readSync(this.#handle.fd, buffer, at, length, offset);
    } catch (error) {
      throw translated(this.#path, error);
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

async function listTree(root: string): Promise<FileEntry[]> {
  let entries;
  try {
    entries = await fs.readdir(root, { recursive: true, withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const files: FileEntry[] = [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const full = nodePath.join(entry.parentPath, entry.name);
    const stat = await fs.stat(full).catch(() => undefined);
    if (stat === undefined) continue; // removed meanwhile
    const path = nodePath.relative(root, full).split(nodePath.sep).join('/');
    files.push({ path, bytes: stat.size, modifiedAtMs: stat.mtimeMs });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

async function translate<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw translated(path, error);
  }
}

function translated(path: string, error: unknown): ExternalError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT')
    return new ExternalError('NOT_FOUND', `no such file: ${path}`, { cause: error, retryable: false });
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new ExternalError('STORAGE_FULL', `no space left for ${path}`, {
      cause: error,
      hint: 'Free disk space or point the job at another volume; the job goes on from its last checkpoint.',
    });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR' || code === 'EISDIR') {
    return new ExternalError('STORAGE', `cannot use ${path}: ${(error as Error).message}`, {
      cause: error,
      retryable: false,
      hint: 'Give the job a folder that it may read and write.',
    });
  }
  return new ExternalError('STORAGE', `file operation failed on ${path}: ${(error as Error).message}`, {
    cause: error,
  });
}
