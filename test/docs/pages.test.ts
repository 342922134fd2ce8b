import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import type { JobDefinition } from '../../engine/graph/job-definition.ts';
import { JobExecution } from '../../engine/runtime/job-execution.ts';
import { DirectoryStorage } from '../../state/storage/directory-storage.ts';
import { HeapPageStore } from '../../state/store/heap-page-store.ts';
import { VirtualEnvironment } from '../harness/index.ts';
import { blocksOf, exampleText, pages, readText } from './pages.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Pages for users show code that is compiled; those for maintainers may sketch. */
const isForUsers = (page: string): boolean => !page.startsWith('docs/decisions/') && page !== 'docs/architecture.md';

const blocks = pages().flatMap(blocksOf);

test.each(blocks.filter(({ language, page }) => (language === 'ts' || language === 'java') && isForUsers(page)))(
  '$page:$line shows an example as it is compiled',
  ({ file, region, text }) => {
    expect(file, 'name the file in a comment before the block').toBeDefined();
    expect(text).toBe(exampleText(file!, region));
  },
);

test.each(blocks.filter(({ isOutput }) => isOutput))('$page:$line shows what $file prints', async ({ file, text }) => {
  expect(await run(file!)).toBe(text);
});

test.each(pages().concat('README.md'))('%s links to files that are there', (page) => {
  const links = [...readText(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map((match) => match[1]!);
  expect(links.filter((link) => !existsSync(join(ROOT, dirname(page), link)))).toEqual([]);
});

test.each(pages().concat('README.md'))('%s links to headings that are there', (page) => {
  const links = [...readText(page).matchAll(/\]\(([^)#\s]*)#([^)\s]+)\)/g)].filter(([, file]) => !file!.includes(':'));
  const missing = links.filter(([, file, heading]) => {
    const target = file === '' ? page : join(dirname(page), file!);
    return !headingsOf(target).includes(heading!);
  });
  expect(missing.map(([link]) => link)).toEqual([]);
});

test('every example is shown on a page', () => {
  const shown = new Set(blocks.map(({ file }) => file));
  const examples = readdirSync(join(ROOT, 'docs/examples')).map((name) => `docs/examples/${name}`);
  expect(examples.filter((file) => !shown.has(file))).toEqual([]);
});

/** Headings as they are linked to. */
function headingsOf(page: string): string[] {
  return [...readText(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** What the job of an example prints, run to its end under a virtual clock. */
async function run(file: string): Promise<string> {
  const { default: job } = (await import(join(ROOT, file))) as { default: JobDefinition };
  const environment = new VirtualEnvironment();
  const printed: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
  try {
    const execution = JobExecution.start({
      environment,
      jobName: job.name,
      ...job.options,
      buildGraph: () => job.createGraph({}, environment),
      checkpointStorage: new DirectoryStorage(environment, '/checkpoints'),
      openPageStore: async () => new HeapPageStore(),
      restart: { kind: 'fixed-delay', attempts: 1 },
    });
    await environment.run(execution.result);
  } finally {
    write.mockRestore();
  }
  return printed.join('').trimEnd();
}
