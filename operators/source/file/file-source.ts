import { UserError } from '../../../engine/base/errors.ts';
import type {
  EnumeratorContext,
  Json,
  ReaderContext,
  Source,
  SourceReader,
  SplitEnumerator,
} from '../../../engine/task/source.ts';
import { durationMs } from '../../../engine/time/duration.ts';
import { FileEnumerator } from './file-enumerator.ts';
import { FileReader } from './file-reader.ts';
import { type FileSourceOptions, isCompressed } from './file-source-options.ts';
import type { FileSplit } from './file-split.ts';

const SPLIT_BYTES_DEFAULT = 64 * 1024 * 1024;

/**
 * Reads files of a folder or an S3 prefix: JSON lines, CSV, Avro containers, whatever the format says; `.gz` and `.zst`
 * are unpacked. Exactly once: the position in each file is in the checkpoint. Files must not change once they are there.
 */
export function fileSource<T, E = never>(options: FileSourceOptions<T, E>): Source<T | E, FileSplit> {
  const splitBytes = options.splitBytes ?? SPLIT_BYTES_DEFAULT;
  const { fetchBytes = 1 } = options;
  for (const [name, value] of Object.entries({ splitBytes, fetchBytes })) {
    if (!(value >= 1)) throw new UserError('CONFIGURATION', `expected ${name} of at least 1, found ${value}`);
  }
  const watchMs = options.watch === undefined ? undefined : durationMs(options.watch);
  return {
    description: `files ${options.path}`,
    boundedness: watchMs === undefined ? 'bounded' : 'unbounded',
    createEnumerator(context: EnumeratorContext<FileSplit>, restored: Json | undefined): SplitEnumerator<FileSplit> {
      const isSplittable = options.format.createDecoder('stream').findStart !== undefined;
      return new FileEnumerator({
        context,
        restored,
        path: options.path,
        storage: options.storage,
        include: options.include ?? isVisible,
        splitBytesOf: (key) => (isSplittable && !isCompressed(key) ? splitBytes : Infinity),
        watchMs,
      });
    },
    createReader: (context: ReaderContext): SourceReader<T | E, FileSplit> => new FileReader<T, E>(options, context),
  };
}

function isVisible(relativePath: string): boolean {
  return !relativePath.split('/').some((part) => part.startsWith('.') || part.startsWith('_'));
}
