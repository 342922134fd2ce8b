/*
 * The guard of one run. Its standard input is a pipe from the process that owns the servers. When that pipe closes the
 * owner has ended, in whatever way (SIGKILL included), and the guard kills the servers that the run file still lists.
 *
 * Run: node guard.ts <run file>
 */
import { cleanRun } from './run-file.ts';

const runFile = process.argv[2];
if (runFile === undefined) throw new Error('guard.ts needs the path of a run file');

process.stdin.resume();
process.stdin.on('close', () => {
  cleanRun(runFile);
  process.exit(0);
});
