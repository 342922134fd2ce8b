import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readText } from './pages.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = 'docs/coming-from-flink.md';

test('every name of ours in the tables of the page for users of Flink is in the code', () => {
  const page = readText(PAGE);
  const tables = page.slice(page.indexOf('## Names'), page.indexOf('## Differences'));
  const ours = new Set<string>();
  for (const line of tables.split('\n').filter((text) => text.startsWith('| '))) {
    const cells = line.split('|').slice(1, -1);
    // Flink's name, ours; or Flink's name, its default, ours, our default.
    const cell = cells.length > 2 ? cells[2]! : cells[1]!;
    for (const [, code] of cell.matchAll(/`([^`]+)`/g))
      for (const [name] of code!.matchAll(/[A-Za-z]{4,}/g)) ours.add(name);
  }
  expect(ours.size).toBeGreaterThan(150);
  const known = new Set(sources().flatMap((path) => readText(path).match(/[A-Za-z]+/g) ?? []));
  expect([...ours].filter((name) => !known.has(name))).toEqual([]);
});

function sources(): string[] {
  return ['engine', 'operators', 'state', 'test/harness'].flatMap((folder) =>
    readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${folder}/${name}`),
  );
}
