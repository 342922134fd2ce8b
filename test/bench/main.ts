/*
 * Runs benchmarks, each in a fresh Node process so that none warms up or pollutes another.
 *
 * Run: npm run bench                      all of them
 *      npm run bench -- key-group codec   those whose path contains one of the words
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const words = process.argv.slice(2);
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
  const { status } = spawnSync(process.execPath, ['--expose-gc', file], { cwd: folder, stdio: 'inherit' });
  if (status !== 0) failedCount++;
}
if (failedCount > 0) {
  console.error(`${failedCount} of ${chosen.length} benchmarks failed`);
  process.exit(1);
}
