import type { TestProject } from 'vitest/node';
import { openServiceHost } from './host.ts';

/** Opens the host of shared services for the integration project; a server starts when the first test asks for it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const host = await openServiceHost();
  project.provide('serviceHostUrl', host.url);
  return () => host.close();
}
