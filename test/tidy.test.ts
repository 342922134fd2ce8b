import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/*
 * Style as a test: what no compiler and no linter looks at. Every check returns the places it found as `file:line`, so
 * that a failure says where to go. Patterns are written so that they do not find themselves.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TEXT_FILE = /\.(ts|js|json|md|sql|py|html|css|yml|yaml|toml|sh|txt)$|(^|\/)(\.[a-z]+rc|\.ci\/run|Dockerfile)$/;
const files = listFiles();

test('the files of the repository were found', () => {
  expect(files).toContain('package.json');
  expect(files).toContain('test/tidy.test.ts');
});

test('no file names a folder of somebody’s machine', () => {
  expect(find(/(?<![\w.~}])\/(?:work|root|home\/\w+|Users\/\w+)\//, textFiles())).toEqual([]);
});

test('no file names the host of a package registry', () => {
  const hosts = [
    'registry[.]npmjs',
    'pypi[.]org',
    'pythonhosted[.]',
    'repo1?[.]maven',
    'proxy[.]golang',
    'deb[.]debian',
  ];
  expect(find(new RegExp(hosts.join('|')), [...textFiles(), 'package-lock.json'])).toEqual([]);
  expect(find(/"resolved": "http/, ['package-lock.json'])).toEqual([]);
});

test('no file holds a marker for work that is left', () => {
  expect(find(/\b(?:TO[D]O|FIX[M]E|HA[C]K)\b/, textFiles())).toEqual([]);
});

test('no test is singled out or left out', () => {
  expect(find(/\b(?:test|it|describe|suite)\.(?:only|skip|todo)\b/, testFiles())).toEqual([]);
});

test('no test sleeps', () => {
  expect(find(/timers\/promises|setTimeout\(\s*resolve/, testFiles())).toEqual([]);
});

test('the time of day comes from the environment only', () => {
  const sources = files.filter((file) => /^(engine|state|operators|jobs)\/.*\.ts$/.test(file));
  const clocks = sources.filter((file) => !file.startsWith('engine/base/environment-'));
  expect(find(/new Date\(\s*\)|(?<![\w.])Date\(\s*\)/, clocks)).toEqual([]);
});

test('relative links in documents lead to files and headings that exist', () => {
  const broken = markdownFiles().flatMap((file) =>
    linksOf(file).flatMap(({ target, line }) => (leadsSomewhere(file, target) ? [] : [`${file}:${line} ${target}`])),
  );
  expect(broken).toEqual([]);
});

test('documents name npm scripts that exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const unknown = markdownFiles().flatMap((file) =>
    [...read(file).matchAll(/npm run ([\w:-]+)/g)].flatMap(([, script]) =>
      script !== undefined && script in scripts ? [] : [`${file}: npm run ${script}`],
    ),
  );
  expect(unknown).toEqual([]);
});

/** Tracked files and new ones that are not ignored, without those deleted in the working tree. */
function listFiles(): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const listed = execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).split('\0');
  return listed.filter((file) => file !== '' && existsSync(join(ROOT, file)));
}

function textFiles(): string[] {
  return files.filter((file) => TEXT_FILE.test(file) && file !== 'package-lock.json');
}

/** Test files, without this one, whose patterns would find themselves. */
function testFiles(): string[] {
  return files.filter((file) => file.endsWith('.test.ts') && file !== 'test/tidy.test.ts');
}

function markdownFiles(): string[] {
  return files.filter((file) => file.endsWith('.md'));
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** Returns `file:line text` for every line that the pattern is found in. */
function find(pattern: RegExp, among: readonly string[]): string[] {
  return among.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((text, index) => (pattern.test(text) ? [`${file}:${index + 1} ${text.trim().slice(0, 120)}`] : [])),
  );
}

/** Links of a document that are relative, code blocks left out. */
function linksOf(file: string): { readonly target: string; readonly line: number }[] {
  let isCode = false;
  return read(file)
    .split('\n')
    .flatMap((text, index) => {
      if (text.trimStart().startsWith('```')) isCode = !isCode;
      if (isCode) return [];
      return [...text.replaceAll(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)[^)]*\)/g)]
        .map(([, target]) => ({ target: target ?? '', line: index + 1 }))
        .filter(({ target }) => !/^[a-z]+:/.test(target));
    });
}

function leadsSomewhere(file: string, target: string): boolean {
  const [path = '', anchor] = decodeURIComponent(target).split('#');
  const absolute = path === '' ? join(ROOT, file) : resolve(ROOT, dirname(file), path);
  if (!existsSync(absolute)) return false;
  if (anchor === undefined || !absolute.endsWith('.md')) return true;
  return headingsOf(readFileSync(absolute, 'utf8')).includes(anchor);
}

/** Anchors of a document's headings, formed as on GitHub. */
function headingsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ +(.+)$/gm)].map(([, heading]) =>
    (heading ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}
