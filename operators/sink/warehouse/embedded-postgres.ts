import { mkdir, rm, writeFile } from 'node:fs/promises';
import * as nodePath from 'node:path';
import type { Environment } from '../../../engine/base/environment.ts';
import { UserError } from '../../../engine/base/errors.ts';
import { reachablePostgres, serverUser } from './embedded-binaries.ts';
import { DATABASE_USER, endLeftOver, homeOf, initialise } from './embedded-cluster.ts';
import { readText } from './embedded-files.ts';
import { EmbeddedServer } from './embedded-server.ts';
import { freePort, isFree } from './free-port.ts';
import { identityOf, isAlive } from './process-identity.ts';

export interface EmbeddedPostgresOptions {
  readonly environment: Environment;
  /** Folder of the server's data; kept when the server stops, used again at the next start. */
  readonly dataDirectory: string;
  /** Default `tidemark`. Made when it is missing. */
  readonly database?: string | undefined;
  /** Default: the port of the last run if it is free, else any free one below 32768. */
  readonly port?: number | undefined;
}

/** A PostgreSQL server of our own, on 127.0.0.1. */
export interface EmbeddedPostgres {
  /** For `warehouseSink`, and for people: `psql <url>`. */
  readonly url: string;
  readonly port: number;
  /** Ends the server in good order; its data stays. */
  stop(): Promise<void>;
}

const START_ATTEMPTS = 3;

/**
 * Starts the PostgreSQL that npm installed: the warehouse of a job that is given none. The first start makes the cluster
 * (about 1 s), later ones find it. A server that an earlier run of the job left behind when it was killed is ended first.
 *
 * @throws UserError CONFIGURATION when another running job uses the folder.
 * @throws ExternalError CONNECTION with the end of the server's log when it does not come up.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const folder = nodePath.resolve(options.dataDirectory);
  await mkdir(folder, { recursive: true });
  const release = await claim(folder);
  try {
    const { server, url, port } = await start(folder, options);
    const stop = async (): Promise<void> => {
      await server.stop();
      await release();
    };
    return { url, port, stop };
  } catch (error) {
    await release();
    throw error;
  }
}

async function start(
  folder: string,
  { environment, database = 'tidemark', port: wantedPort }: EmbeddedPostgresOptions,
): Promise<{ readonly server: EmbeddedServer; readonly url: string; readonly port: number }> {
  const user = await serverUser();
  const home = await homeOf(environment, folder, user);
  const cluster = nodePath.join(home, 'cluster');
  await endLeftOver(environment, cluster);
  const build = await reachablePostgres(user, nodePath.join(home, 'build'));
  const password = await initialise(environment, { home, cluster, build, user });
  const portFile = nodePath.join(folder, 'port');
  const logPath = nodePath.join(folder, 'server.log');
  let preferredPort = Number.parseInt((await readText(portFile)) ?? '', 10) || undefined;
  for (let attempt = 1; ; attempt++) {
    const port = wantedPort ?? (await freePort(environment, preferredPort));
    const address = `postgres://${DATABASE_USER}:${password}@127.0.0.1:${port}`;
    const server = new EmbeddedServer({ environment, cluster, build, user, port, logPath });
    try {
      await server.start(address, database);
      await writeFile(portFile, String(port));
      return { server, url: `${address}/${database}`, port };
    } catch (error) {
      await server.stop();
      // Somebody took the port after it was chosen.
      const isRaced = wantedPort === undefined && !(await isFree(port));
      if (!isRaced || attempt === START_ATTEMPTS) throw error;
      preferredPort = undefined;
    }
  }
}

/** Makes this process the owner of the folder. @returns what gives it up. */
async function claim(folder: string): Promise<() => Promise<void>> {
  const path = nodePath.join(folder, 'owner');
  const owner = await readText(path);
  const self = await identityOf(process.pid);
  if (owner !== undefined && (await isAlive(owner))) {
    const who = owner === self ? 'this process already' : `process ${Number.parseInt(owner, 10)}`;
    throw new UserError('CONFIGURATION', `embedded PostgreSQL: ${folder} is in use by ${who}`, {
      hint: 'Stop the other job, give this one a data folder of its own, or point it at the running server with --warehouse.',
    });
  }
  await writeFile(path, self);
  return () => rm(path, { force: true });
}
