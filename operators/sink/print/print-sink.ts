import { INSERT, type RowKind, rowKindName } from '../../../engine/task/row-kind.ts';
import type { Sink, SinkContext, SinkWriter } from '../../../engine/task/sink.ts';
import type { Json } from '../../../engine/task/source.ts';

export interface PrintSinkOptions {
  /** Put before every row: `clicks> …`. Default: nothing. */
  readonly label?: string | undefined;
  /** Takes one line, without its end. Default: standard output. */
  readonly write?: ((line: string) => void) | undefined;
}

/**
 * Prints rows as they come, one line of JSON each, for a look at a stream. Rows that change others show their kind before
 * them (`-D`), rows of several subtasks the subtask's number, from 1 (`clicks:2> …`). After a failure the rows since the
 * last checkpoint are printed again.
 */
export function printSink<T>(options: PrintSinkOptions = {}): Sink<T> {
  return { description: 'print', createWriter: (context) => new PrintWriter(options, context) };
}

class PrintWriter<T> implements SinkWriter<T> {
  readonly #prefix: string;
  readonly #write: (line: string) => void;

  constructor({ label = '', write = writeLine }: PrintSinkOptions, { subtaskIndex, parallelism }: SinkContext) {
    const place = parallelism > 1 ? `${label}:${subtaskIndex + 1}` : label;
    this.#prefix = place === '' ? '' : `${place}> `;
    this.#write = write;
  }

  write(value: T, _timestampMs: number, kind: RowKind): void {
    this.#write(`${this.#prefix}${kind === INSERT ? '' : `${rowKindName(kind)} `}${textOf(value)}`);
  }

  prepareCommit(): Promise<readonly Json[]> {
    return Promise.resolve([]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Text as it is, everything else as JSON; whole numbers too large for JSON and bytes as text. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const text = JSON.stringify(value, (_field, inner: unknown) => {
    if (typeof inner === 'bigint') return inner.toString();
    return inner instanceof Map ? Object.fromEntries(inner) : inner;
  }) as string | undefined;
  return text ?? String(value);
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
