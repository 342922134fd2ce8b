/*
 * Starts the test services by hand and keeps them until Ctrl-C, or ends those that somebody else left.
 *
 * Run: npm run services                    all of them
 *      npm run services -- kafka postgres  some of them
 *      npm run services -- stop            end every set that is running or was left over
 */
import { listRunFiles, cleanRun, readRunFile, isOwned } from './run-file.ts';
import { runFolder } from './run.ts';
import { SERVICE_NAMES, startServices, type ServiceName } from './services.ts';

const args = process.argv.slice(2).filter((arg) => arg !== 'start');

if (args.includes('--help')) {
  console.log('npm run services -- [start] [kafka] [s3] [postgres] [registry]   start them, all without names');
  console.log('npm run services -- stop                                         end what is running');
} else if (args[0] === 'stop') {
  stopAll();
} else {
  await startAndWait(args);
}

async function startAndWait(names: readonly string[]): Promise<void> {
  const unknown = names.find((name) => !(SERVICE_NAMES as readonly string[]).includes(name));
  if (unknown !== undefined) {
    console.error(`no service is called "${unknown}"; there are ${SERVICE_NAMES.join(', ')}`);
    process.exit(2);
  }
  const wanted = (names.length === 0 ? SERVICE_NAMES : names) as readonly ServiceName[];
  const services = await startServices(Object.fromEntries(wanted.map((name) => [name, true])));
  console.log(JSON.stringify(services, undefined, 2));
  console.log('Running. Ctrl-C ends them.');
  const keepAlive = setInterval(() => undefined, 60_000);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  clearInterval(keepAlive);
  await services.stop();
}

/** Ends every set: the owner of a live one is asked to, a set without owner is cleaned up. */
function stopAll(): void {
  const paths = listRunFiles(runFolder());
  for (const path of paths) {
    const run = readRunFile(path);
    if (run !== undefined && isOwned(run)) process.kill(run.ownerPid, 'SIGTERM');
    else cleanRun(path);
  }
  console.log(`${paths.length} set(s) of services ended`);
}
