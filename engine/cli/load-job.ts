import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../base/errors.ts';
import type { JobDefinition } from '../graph/job-definition.ts';
import { importJob } from '../runtime/job-module.ts';

/**
 * Imports a job module by path.
 *
 * @throws UserError JOB_NOT_FOUND when there is no such file, it does not load, or exports no job.
 */
export async function loadJob(path: string): Promise<JobDefinition> {
  if (!existsSync(resolve(path))) {
    throw new UserError('JOB_NOT_FOUND', `there is no job module at ${path}`, {
      hint: 'Give the path of a TypeScript or JavaScript file whose default export is defineJob({ ... }).',
    });
  }
  return await importJob(jobModuleUrl(path), path);
}

/** `file:` address of a job module, for other threads. */
export function jobModuleUrl(path: string): string {
  return pathToFileURL(resolve(path)).href;
}
