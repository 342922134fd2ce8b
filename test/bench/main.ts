/*
 * Runs benchmarks, each in a fresh Node process so that none warms up or pollutes another.
 *
 * Run: npm run bench                      all of them
 *      npm run bench -- key-group codec   those whose path contains one of the words
 *      npm run bench -- nexmark q5 --runs 3   the one that takes a command line of its own
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
/** Benchmarks whose name is followed by a command line of their own. */
const COMMANDS = ['nexmark'];
/** What the opponents of some benchmarks have for their heap, MB. */
const HEAP_MB = 4096;

const words = process.argv.slice(2);
if (words[0] !== undefined && words.length > 1 && COMMANDS.includes(words[0])) {
  process.exit(run(`${words[0]}.bench.ts`, words.slice(1)));
}
const files = globSync('**/*.bench.ts', { cwd: folder }).toSorted();
const chosen = files.filter((file) => words.length === 0 || words.some((word) => file.includes(word)));

if (chosen.length === 0) {
  console.error(
    `no benchmark matches ${words.join(', ') || 'test/bench/**/*.bench.ts'}; there are: ${files.join(', ')}`,
  );
  process.exit(2);
}

let failedCount = 0;
for (const file of chosen) {
  console.log(`\n== ${file}`);
  if (run(file, []) !== 0) failedCount++;
}
if (failedCount > 0) {
  console.error(`${failedCount} of ${chosen.length} benchmarks failed`);
  process.exit(1);
}

/** Runs a benchmark. Its relative paths are those of the caller when it has a command line. Returns the exit code. */
function run(file: string, commandLine: readonly string[]): number {
  const isCommand = commandLine.length > 0;
  const heap = isCommand ? [`--max-old-space-size=${HEAP_MB}`] : [];
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { status } = spawnSync(process.execPath, ['--expose-gc', ...heap, path, ...commandLine], {
    cwd: isCommand ? process.cwd() : folder,
    stdio: 'inherit',
  });
  return status ?? 1;
}
