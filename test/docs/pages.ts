import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);

/** A fenced block of a page and the comment before it: `<!-- docs/examples/x.ts -->`, `<!-- prints docs/examples/x.ts -->`. */
export interface PageBlock {
  readonly page: string;
  /** Of the fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** File of the comment; undefined without one. */
  readonly file: string | undefined;
  /** Only what lies between `// #region NAME` and `// #endregion` of the file. */
  readonly region: string | undefined;
  readonly isOutput: boolean;
}

/** Paths of all pages below `docs`, from the root of the repository. */
export function pages(): string[] {
  return readdirSync(new URL('docs', ROOT), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(fileURLToPath(ROOT).length))
    .sort();
}

export function readText(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

export function blocksOf(page: string): PageBlock[] {
  const blocks: PageBlock[] = [];
  const lines = readText(page).split('\n');
  let comment: RegExpExecArray | null = null;
  for (let i = 0; i < lines.length; i++) {
    const fence = /^```(\w+)$/.exec(lines[i]!);
    if (fence === null) {
      if (lines[i] !== '') comment = /^<!-- (prints )?(docs\/examples\/[\w.-]+)(?:#([\w-]+))? -->$/.exec(lines[i]!);
      continue;
    }
    const end = lines.indexOf('```', i + 1);
    blocks.push({
      page,
      line: i + 1,
      language: fence[1]!,
      text: lines.slice(i + 1, end).join('\n'),
      file: comment?.[2],
      region: comment?.[3],
      isOutput: comment?.[1] !== undefined,
    });
    comment = null;
    i = end;
  }
  return blocks;
}

/** The text of an example, or of one region of it without its indentation; markers are left out. */
export function exampleText(file: string, region: string | undefined): string {
  const lines = readText(file).trimEnd().split('\n');
  const isMarker = (line: string): boolean => /^\s*\/\/ #(region|endregion)/.test(line);
  if (region === undefined) return lines.filter((line) => !isMarker(line)).join('\n');
  const start = lines.findIndex((line) => line.trim() === `// #region ${region}`);
  if (start < 0) throw new Error(`${file} has no region ${region}`);
  const end = lines.findIndex((line, i) => i > start && line.trim() === '// #endregion');
  const text = lines.slice(start + 1, end).filter((line) => !isMarker(line));
  const indentation = Math.min(...text.filter((line) => line !== '').map((line) => line.search(/\S/)));
  return text.map((line) => line.slice(indentation)).join('\n');
}
