import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { UserError } from '../../engine/base/errors.ts';
import type { CatalogData } from './catalog.ts';

const CATALOG = z.object({
  campaigns: z.array(
    z.object({
      campaignId: z.string().min(1),
      advertiserId: z.string().min(1),
      clickWindowMs: z.number().int().positive(),
    }),
  ),
  creatives: z.array(z.object({ creativeId: z.string().min(1), campaignId: z.string().min(1) })),
});

/**
 * The catalog in a JSON file: `{ "campaigns": [{ campaignId, advertiserId, clickWindowMs }], "creatives": [{ creativeId,
 * campaignId }] }`. Synchronous, as a job's graph is built; the file must be the same for all attempts.
 *
 * @throws UserError CONFIGURATION when it cannot be read or is not of this form.
 */
export function readCatalog(path: string): CatalogData {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UserError('CONFIGURATION', `catalog ${path}: ${(cause as Error).message}`, { cause });
  }
  const result = CATALOG.safeParse(parsed);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UserError(
    'CONFIGURATION',
    `catalog ${path}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong form'}`,
  );
}
