import { inject } from 'vitest';
import type { HostVerb } from './host.ts';
import type { ServiceControl } from './server-process.ts';
import type { ServiceByName, ServiceName } from './services.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the host of shared services; set in the project `integration` only. */
    serviceHostUrl: string;
  }
}

/**
 * Returns services that all integration tests of this run share, and starts those that do not run yet.
 *
 * They keep what earlier test files left: use topic names, key prefixes and schemas of your own (`uniqueName`). A file
 * that kills one must leave it running; a test that wants an empty or a private server calls `startServices`.
 */
export async function sharedServices<N extends ServiceName>(...names: N[]): Promise<Pick<ServiceByName, N>> {
  const entries = await Promise.all(names.map(async (name) => [name, await sharedService(name)] as const));
  return Object.fromEntries(entries) as unknown as Pick<ServiceByName, N>;
}

async function sharedService<N extends ServiceName>(name: N): Promise<ServiceByName[N]> {
  const address = (await ask(name, 'start')) as object;
  const tell = (verb: HostVerb) => async (): Promise<void> => void (await ask(name, verb));
  const control: ServiceControl = {
    stop: tell('stop'),
    kill: tell('kill'),
    pause: tell('pause'),
    resume: tell('resume'),
    restart: tell('restart'),
  };
  return { ...address, ...control } as unknown as ServiceByName[N];
}

async function ask(name: ServiceName, verb: HostVerb): Promise<unknown> {
  const response = await fetch(`${inject('serviceHostUrl')}/${name}/${verb}`, { method: 'POST' });
  const body: unknown = await response.json();
  if (!response.ok) throw new Error(`service ${name}, ${verb}: ${(body as { error: string }).error}`);
  return body;
}

let nameCount = 0;

/** Returns `prefix` with an ending that no other test of this run has, fit for topics, keys and SQL identifiers. */
export function uniqueName(prefix: string): string {
  return `${prefix}_${process.pid}_${(nameCount++).toString(36)}`;
}
