import { startKafka, type KafkaOptions, type KafkaService } from './kafka.ts';
import { startPostgres, type PostgresService } from './postgres.ts';
import { startRegistry, type RegistryService } from './registry.ts';
import { Run } from './run.ts';
import { startS3, type S3Service } from './s3.ts';
import { requireTools, type Tool } from './tools.ts';

/** The running services by name. */
export interface ServiceByName {
  readonly kafka: KafkaService;
  readonly s3: S3Service;
  readonly postgres: PostgresService;
  readonly registry: RegistryService;
}

/** Name of a service that tests can start. */
export type ServiceName = keyof ServiceByName;

/** Which services to start. Kafka can be told to be quick in running instead of quick to start. */
export interface WantedServices {
  readonly kafka?: true | KafkaOptions | undefined;
  readonly s3?: true | undefined;
  readonly postgres?: true | undefined;
  readonly registry?: true | undefined;
}

/** The services that were asked for, and `stop`, which ends them and removes their data. */
export type Services<W extends WantedServices> = Pick<ServiceByName, Extract<keyof W, ServiceName>> & {
  stop(): Promise<void>;
};

/** All service names, in the order in which they are started and printed. */
export const SERVICE_NAMES = ['kafka', 's3', 'postgres', 'registry'] as const satisfies readonly ServiceName[];

const STARTERS: { readonly [name in ServiceName]: (run: Run, wanted: WantedServices) => Promise<ServiceByName[name]> } =
  {
    kafka: (run, { kafka }) => startKafka(run, kafka === true ? {} : kafka),
    s3: startS3,
    postgres: startPostgres,
    registry: startRegistry,
  };

const TOOLS_BY_SERVICE: Readonly<Record<ServiceName, readonly Tool[]>> = {
  kafka: ['java', 'maven'],
  s3: ['python'],
  postgres: [],
  registry: ['java', 'maven'],
};

/**
 * Starts real servers on 127.0.0.1, side by side, each on a free port with fresh data, and resolves when all answer.
 *
 * What is not installed yet is installed into the cache first. When one cannot be started all are stopped and the
 * error is thrown. The servers end with this process, however it ends.
 *
 * A test that kills or pauses a server starts a set of its own with this; one that only uses servers shares those of
 * the test run, see `sharedServices`.
 */
export async function startServices<const W extends WantedServices>(wanted: W): Promise<Services<W>> {
  const names = SERVICE_NAMES.filter((name) => wanted[name] !== undefined);
  await requireTools(names.flatMap((name) => TOOLS_BY_SERVICE[name]));
  const run = Run.open();
  const results = await Promise.allSettled(
    names.map(async (name) => [name, await STARTERS[name](run, wanted)] as const),
  );
  const started = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const stop = async (): Promise<void> => {
    // Their data goes too, so an orderly end would only cost seconds.
    await Promise.all(started.map(([, service]) => service.kill()));
    await run.close();
  };
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) {
    await stop();
    throw failure.reason;
  }
  return { ...Object.fromEntries(started), stop } as unknown as Services<W>;
}
