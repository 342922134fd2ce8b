import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import { installOnce } from './install.ts';
import { freePort } from './ports.ts';
import { Run } from './run.ts';
import { controlOf, retryStart, ServerProcess, type ServiceControl } from './server-process.ts';
import { VERSIONS } from './versions.ts';

/** Milliseconds the registry gets to answer; it needs about 4 s. */
const READY_DEADLINE_MS = 120_000;

/** A running schema registry. It keeps its schemas in memory: `kill` and `restart` lose them. */
export interface RegistryService extends ServiceControl {
  /** Base address of the Confluent-compatible interface, without a slash at its end. */
  readonly url: string;
}

/** Starts Apicurio Registry with the compatibility BACKWARD, as Confluent's default is. */
export async function startRegistry(run: Run): Promise<RegistryService> {
  const home = await installRegistry();
  return retryStart(async () => {
    const port = await freePort();
    const archive = [`-XX:SharedArchiveFile=${join(home, 'registry.jsa')}`, '-Xlog:cds=off'];
    const server = registryProcess(run, home, port, archive);
    await server.start();
    return { url: urlOf(port), ...controlOf(server) };
  });
}

/** Fetches the registry with Maven and runs it once to write its class archive, which saves a third of the start. */
function installRegistry(): Promise<string> {
  return installOnce(`apicurio-${VERSIONS.apicurio}`, async (home) => {
    const artifact = `io.apicurio:apicurio-registry-app:${VERSIONS.apicurio}:tar.gz:all`;
    const goal = `org.apache.maven.plugins:maven-dependency-plugin:${VERSIONS.mavenDependencyPlugin}:copy`;
    await runCommand('mvn', ['-q', '-B', goal, `-Dartifact=${artifact}`, `-DoutputDirectory=${home}`], { cwd: home });
    const packed = join(home, `apicurio-registry-app-${VERSIONS.apicurio}-all.tar.gz`);
    await mkdir(join(home, 'app'));
    await runCommand('tar', ['-xzf', packed, '-C', join(home, 'app')]);
    await rm(packed);
    const run = Run.open();
    try {
      const server = registryProcess(run, home, await freePort(), [
        `-XX:ArchiveClassesAtExit=${join(home, 'registry.jsa')}`,
      ]);
      await server.start();
      await server.stop();
    } finally {
      await run.close();
    }
  });
}

function urlOf(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`;
}

function registryProcess(run: Run, home: string, port: number, jvm: readonly string[]): ServerProcess {
  const folder = run.folder(`registry-${port}`);
  return new ServerProcess(run, {
    name: `registry-${port}`,
    command: 'java',
    args: [
      '-Xms32m',
      '-Xmx160m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      ...jvm,
      `-Djava.io.tmpdir=${folder}`,
      '-Dquarkus.http.host=127.0.0.1',
      `-Dquarkus.http.port=${port}`,
      '-jar',
      join(home, 'app', `apicurio-registry-app-${VERSIONS.apicurio}-runner.jar`),
    ],
    cwd: folder,
    probe: () => probeRegistry(port),
    readyDeadlineMs: READY_DEADLINE_MS,
  });
}

/** Asks for readiness, then sets the compatibility, which a registry that lost its memory does not have any more. */
async function probeRegistry(port: number): Promise<void> {
  await expectOk(await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(2_000) }));
  const config = await fetch(`${urlOf(port)}/config`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ compatibility: 'BACKWARD' }),
    signal: AbortSignal.timeout(10_000),
  });
  await expectOk(config);
}

async function expectOk(response: Response): Promise<void> {
  const body = await response.text();
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${body}`);
}
