/*
 * Looks into a benchmark.
 *
 * Run: npm run bench:profile -- nexmark q5 …   CPU: flame graph, and the functions and folders that take most
 *      npm run bench:mem -- nexmark q5 …       allocations in the same form, and what garbage collection cost
 *      npm run bench:deopt -- nexmark q5 …     functions whose optimised code was thrown away, and why
 *
 * The first word picks the benchmark (part of its path), the rest are its arguments. Results go to .bench/.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  addAllocationProfile,
  addCpuProfile,
  type CallNode,
  emptyTree,
  topFolders,
  topFunctions,
} from './call-tree.ts';
import { countDeopts } from './deopts.ts';
import { flameGraph } from './flame-graph.ts';

const KINDS = ['profile', 'mem', 'deopt'] as const;
type Kind = (typeof KINDS)[number];

const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
const benches = fileURLToPath(new URL('..', import.meta.url));
const [kindText, word, ...benchArguments] = process.argv.slice(2);
const kind = KINDS.find((candidate) => candidate === kindText);
if (kind === undefined || word === undefined || word.startsWith('-')) {
  fail(`which benchmark? For example: npm run bench:${kind ?? 'profile'} -- schema`);
}
const files = globSync('**/*.bench.ts', { cwd: benches }).toSorted();
const chosen = files.filter((file) => file.includes(word));
const [file] = chosen.length === 1 ? chosen : chosen.filter((candidate) => candidate === `${word}.bench.ts`);
if (file === undefined) {
  fail(`expected one benchmark for '${word}', found ${chosen.join(', ') || 'none'}; there are: ${files.join(', ')}`);
}

const folder = `${root}/.bench/${kind}`;
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const preload = new URL('./preload.ts', import.meta.url).href;
const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', file, ...benchArguments], {
  cwd: benches,
  env: { ...process.env, NODE_OPTIONS: `--import ${preload}`, TIDEMARK_INSPECT: kind, TIDEMARK_INSPECT_DIR: folder },
  stdio: kind === 'deopt' ? ['inherit', 'pipe', 'inherit'] : 'inherit',
  maxBuffer: 1024 * 1024 * 1024,
  encoding: 'utf8',
});
if (kind === 'deopt') console.log(countDeopts(stdout, root).join('\n'));
else summarise(kind);
process.exit(status ?? 1);

function summarise(of: Exclude<Kind, 'deopt'>): void {
  const tree: CallNode = emptyTree();
  const profiles = globSync(of === 'profile' ? '*.cpuprofile' : '*.heapprofile', { cwd: folder });
  for (const name of profiles) {
    const profile = JSON.parse(readFileSync(`${folder}/${name}`, 'utf8'));
    if (of === 'profile') addCpuProfile(tree, profile, root);
    else addAllocationProfile(tree, profile.head, root);
  }
  const format =
    of === 'profile'
      ? (us: number) => `${(us / 1e6).toFixed(2)} s`
      : (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const line = (text: string, amount: number): string =>
    `${((100 * amount) / tree.total).toFixed(1).padStart(5)} % ${format(amount).padStart(10)}  ${text}`;
  console.log(`\n${profiles.length} threads, ${format(tree.total)} in all\n\nBy folder`);
  for (const { folder: name, self } of topFolders(tree).slice(0, 15)) console.log(line(name, self));
  console.log('\nBy function, itself');
  for (const { name, place, self } of topFunctions(tree, 30)) console.log(line(`${name}  ${place}`, self));
  const graph = `${folder}/flame-graph.svg`;
  writeFileSync(graph, flameGraph(tree, `${file} ${benchArguments.join(' ')}`, format));
  console.log(`\nFlame graph: ${graph}; the profiles beside it open in the developer tools of a browser.`);
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
