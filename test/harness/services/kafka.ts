import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from './command.ts';
import { installOnce } from './install.ts';
import { probeKafka } from './kafka-probe.ts';
import { BROKER_LOG4J, brokerPom, brokerProperties, type BrokerPlace } from './kafka-settings.ts';
import { freePorts } from './ports.ts';
import { Run } from './run.ts';
import { controlOf, retryStart, ServerProcess, type ServiceControl } from './server-process.ts';
import { VERSIONS } from './versions.ts';

/** Milliseconds a broker gets to answer; it needs about 3 s on two free cores. */
const READY_DEADLINE_MS = 90_000;

/** Heap and compiler for tests. A bench that must not be slowed by the broker asks for `isForBench`. */
const TEST_JVM = ['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const BENCH_JVM = ['-Xms512m', '-Xmx1g', '-XX:+UseSerialGC'];

/** Cluster id that the template is formatted with: 16 bytes as base64url. */
const CLUSTER_ID = 'VGlkZW1hcmtUZXN0cy1rZg';

/** A running Apache Kafka broker. */
export interface KafkaService extends ServiceControl {
  /** `host:port`, as the `bootstrap.servers` of a client. */
  readonly brokers: string;
}

/** How to start a broker. */
export interface KafkaOptions {
  /** Full compiler and 1 GiB of heap instead of a quick start and 384 MiB. Default false. */
  readonly isForBench?: boolean | undefined;
}

/** Starts a broker with an empty, already warmed-up data folder: the offsets and transaction topics exist. */
export async function startKafka(run: Run, options: KafkaOptions = {}): Promise<KafkaService> {
  const home = await installKafka();
  return retryStart(async () => {
    const place = await choosePlace(run);
    await cp(join(home, 'template'), place.dataFolder, { recursive: true });
    const server = brokerProcess(run, home, place, [
      ...(options.isForBench === true ? BENCH_JVM : TEST_JVM),
      `-XX:SharedArchiveFile=${join(home, 'kafka.jsa')}`,
      '-Xlog:cds=off',
    ]);
    await server.start();
    return { brokers: `127.0.0.1:${place.port}`, ...controlOf(server) };
  });
}

/**
 * Fetches the broker with Maven, formats a data folder and runs the broker once on it: that writes the class archive
 * (start-up drops by a third) and creates the internal topics, so that no test meets a cold coordinator.
 */
function installKafka(): Promise<string> {
  return installOnce(`kafka-${VERSIONS.kafka}`, async (home) => {
    await writeFile(join(home, 'pom.xml'), brokerPom(VERSIONS));
    await writeFile(join(home, 'log4j2.properties'), BROKER_LOG4J);
    const goal = `org.apache.maven.plugins:maven-dependency-plugin:${VERSIONS.mavenDependencyPlugin}:copy-dependencies`;
    const libs = join(home, 'libs');
    await runCommand('mvn', ['-q', '-B', goal, `-DoutputDirectory=${libs}`, '-DincludeScope=runtime'], { cwd: home });
    await makeTemplate(home);
  });
}

async function makeTemplate(home: string): Promise<void> {
  const run = Run.open();
  try {
    const place = await choosePlace(run);
    await mkdir(place.dataFolder);
    const server = brokerProcess(run, home, place, [
      ...TEST_JVM,
      `-XX:ArchiveClassesAtExit=${join(home, 'kafka.jsa')}`,
    ]);
    const format = ['-cp', join(home, 'libs', '*'), 'kafka.tools.StorageTool', 'format', '-g', '-t', CLUSTER_ID];
    await runCommand('java', [...format, '-c', place.propertiesPath]);
    await server.start();
    await runCommand(process.execPath, [
      '--disable-warning=TimeoutNegativeWarning',
      fileURLToPath(new URL('kafka-warm-up.ts', import.meta.url)),
      `127.0.0.1:${place.port}`,
    ]);
    await server.stop();
    await cp(place.dataFolder, join(home, 'template'), { recursive: true });
  } finally {
    await run.close();
  }
}

interface Place extends BrokerPlace {
  readonly propertiesPath: string;
}

/** Chooses ports and a folder for a broker and writes its settings. */
async function choosePlace(run: Run): Promise<Place> {
  const [port, controllerPort] = (await freePorts(2)) as [number, number];
  const folder = run.folder(`kafka-${port}`);
  const place = {
    port,
    controllerPort,
    dataFolder: join(folder, 'data'),
    propertiesPath: join(folder, 'server.properties'),
  };
  await writeFile(place.propertiesPath, brokerProperties(place));
  return place;
}

function brokerProcess(run: Run, home: string, place: Place, jvm: readonly string[]): ServerProcess {
  const logging = `-Dlog4j2.configurationFile=${join(home, 'log4j2.properties')}`;
  return new ServerProcess(run, {
    name: `kafka-${place.port}`,
    command: 'java',
    args: [...jvm, logging, '-cp', join(home, 'libs', '*'), 'kafka.Kafka', place.propertiesPath],
    probe: () => probeKafka(place.port),
    readyDeadlineMs: READY_DEADLINE_MS,
  });
}
