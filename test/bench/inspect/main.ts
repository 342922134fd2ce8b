/*
 * Looks into a benchmark.
 *
 * Run: npm run bench:profile -- nexmark q5 …   CPU: flame graph, and the functions and folders that take most
 *      npm run bench:mem -- nexmark q5 …       allocations in the same form, and what garbage collection cost
 *      npm run bench:deopt -- nexmark q5 …     functions whose optimised code was thrown away, and why
 *
 * The first word picks the benchmark (part of its path), the rest are its arguments. Results go to .bench/. With a
 * .cpuprofile or .heapprofile as the first word only that thread is shown.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
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
const folder = `${root}/.bench/${kind}`;
if (word.endsWith('profile')) summarise(resolve(process.env['INIT_CWD'] ?? '', word));
else inspect(kind, word);

function inspect(as: Kind, part: string): void {
  const files = globSync('**/*.bench.ts', { cwd: benches }).toSorted();
  const chosen = files.filter((file) => file.includes(part));
  const [file] = chosen.length === 1 ? chosen : chosen.filter((candidate) => candidate === `${part}.bench.ts`);
  if (file === undefined)
    fail(`expected one benchmark for '${part}', found ${chosen.join(', ') || 'none'}; there are: ${files.join(', ')}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const preload = new URL('./preload.ts', import.meta.url).href;
  const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', file, ...benchArguments], {
    cwd: benches,
    env: { ...process.env, NODE_OPTIONS: `--import ${preload}`, TIDEMARK_INSPECT: as, TIDEMARK_INSPECT_DIR: folder },
    stdio: as === 'deopt' ? ['inherit', 'pipe', 'inherit'] : 'inherit',
    maxBuffer: 1024 * 1024 * 1024,
    encoding: 'utf8',
  });
  if (as === 'deopt') console.log(countDeopts(stdout, root).join('\n'));
  else summarise(`${folder}/*.${as === 'profile' ? 'cpu' : 'heap'}profile`);
  process.exitCode = status ?? 1;
}

function summarise(pattern: string): void {
  const tree: CallNode = emptyTree();
  const threads: [name: string, total: number][] = [];
  const isCpu = pattern.endsWith('.cpuprofile');
  for (const path of globSync(pattern)) {
    const profile = JSON.parse(readFileSync(path, 'utf8'));
    const before = tree.total;
    if (isCpu) addCpuProfile(tree, profile, root);
    else addAllocationProfile(tree, profile.head, root);
    threads.push([path, tree.total - before]);
  }
  const format = isCpu
    ? (us: number) => `${(us / 1e6).toFixed(2)} s`
    : (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const line = (text: string, amount: number): string =>
    `${((100 * amount) / tree.total).toFixed(1).padStart(5)} % ${format(amount).padStart(10)}  ${text}`;
  console.log(`\n${format(tree.total)} in all, by process and thread`);
  for (const [path, total] of threads) console.log(line(path, total));
  console.log('\nBy folder');
  for (const { folder: name, self } of topFolders(tree).slice(0, 15)) console.log(line(name, self));
  console.log('\nBy function, itself');
  for (const { name, place, self } of topFunctions(tree, 30)) console.log(line(`${name}  ${place}`, self));
  const graph = `${folder}/flame-graph.svg`;
  writeFileSync(graph, flameGraph(tree, process.argv.slice(3).join(' '), format));
  console.log(`\nFlame graph: ${graph}; the profiles open in the developer tools of a browser, too.`);
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
