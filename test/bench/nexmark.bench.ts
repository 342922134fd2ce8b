/**
 * Nexmark: queries over files of events, each run a fresh job.
 * Run: npm run bench -- nexmark q5 --events 5000000; npm run bench -- nexmark --help    Unit: events per CPU second of the whole process
 * Without a query: all of them over 1,000,000 events; TIDEMARK_BENCH=test: over 2,000.
 */
import { describeError } from '../../engine/base/errors.ts';
import { runCommand } from './nexmark/command.ts';

try {
  process.exit(await runCommand(process.argv.slice(2)));
} catch (error) {
  console.error(describeError(error));
  process.exit(1);
}
