import { existsSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../../engine/base/errors.ts';
import { indexPathOf, parseBlockIndex } from '../../../jobs/nexmark/source/block-index.ts';
import type { InputKind } from '../../../jobs/nexmark/source/nexmark-input.ts';
import { type GenerateOptions, generateFiles } from './generate.ts';

/** A file of events that a run reads. */
export interface EventInput {
  readonly kind: Extract<InputKind, 'avro' | 'json' | 'container'>;
  readonly path: string;
  readonly eventCount: number;
}

/** The events of a file, or of `events.avro` or `events.jsonl` in a folder. @throws UserError when there are none. */
export function openInput(path: string, format: 'avro' | 'json'): EventInput {
  const name = format === 'json' ? 'events.jsonl' : 'events.avro';
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, name) : path;
  const index = indexPathOf(file);
  if (!existsSync(file) || !existsSync(index)) {
    throw new UserError('NOT_FOUND', `there are no events with an index of their blocks: ${file}`, {
      hint: `npm run bench -- nexmark generate --events N --tps T --out ${path} makes them.`,
    });
  }
  const { eventCount } = parseBlockIndex(index, readFileSync(index));
  return { kind: file.endsWith('.jsonl') ? 'json' : 'avro', path: file, eventCount };
}

/** The folder of generated events; made once per machine. */
export function preparedFolder(options: Omit<GenerateOptions, 'out'>): string {
  const { events, tps, seed } = options;
  const out = join(tmpdir(), 'tidemark-bench', `nexmark-${events}-tps${tps}-seed${seed}`);
  if (!existsSync(join(out, 'events.avro.idx'))) generateFiles({ ...options, out });
  return out;
}
