import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startServices, type ServiceByName, type ServiceName } from './services.ts';

/** What a test may ask the host to do with a shared service. */
export type HostVerb = 'start' | 'kill' | 'restart' | 'stop' | 'pause' | 'resume';

/** A host of shared services and the way to end it. */
export interface ServiceHost {
  readonly url: string;
  close(): Promise<void>;
}

interface Started {
  readonly service: ServiceByName[ServiceName];
  stop(): Promise<void>;
}

/**
 * Offers services to test processes over HTTP: `POST /kafka/start` starts the service unless it runs already and
 * answers with its addresses. So the servers of one test run are started once, and only those that a test asks for.
 */
export async function openServiceHost(): Promise<ServiceHost> {
  const startedByName = new Map<string, Promise<Started>>();
  const server = createServer((request, response) => {
    answer(startedByName, request).then(
      (body) => respond(response, 200, body),
      (error: unknown) => respond(response, 500, { error: error instanceof Error ? error.message : String(error) }),
    );
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      const results = await Promise.allSettled(startedByName.values());
      await Promise.all(results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.stop()] : [])));
    },
  };
}

async function answer(startedByName: Map<string, Promise<Started>>, request: IncomingMessage): Promise<unknown> {
  const [, name, verb] = (request.url ?? '').split('/') as [string, ServiceName, HostVerb];
  let starting = startedByName.get(name);
  if (starting === undefined) {
    starting = startOne(name);
    startedByName.set(name, starting);
  }
  const { service } = await starting;
  if (verb !== 'start') await service[verb]();
  return service;
}

async function startOne(name: ServiceName): Promise<Started> {
  const services = await startServices({ [name]: true });
  const service = (services as unknown as ServiceByName)[name];
  return { service, stop: () => services.stop() };
}

function respond(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
