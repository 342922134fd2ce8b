import { TidemarkError } from '../base/errors.ts';

/** What the process's exit code says. Part of the interface: scripts and container platforms read it. */
export const EXIT_CODES = {
  OK: 0,
  /** The job failed for good. */
  FAILED: 1,
  /** The command line, the configuration or the job as written is wrong; trying again cannot help. */
  USAGE: 2,
  /** Another instance owns the job's checkpoints. */
  OWNERSHIP_LOST: 3,
  /** Interrupted a second time before the clean stop was done. */
  INTERRUPTED: 130,
} as const;

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof TidemarkError)) return EXIT_CODES.FAILED;
  if (error.code === 'OWNERSHIP_LOST') return EXIT_CODES.OWNERSHIP_LOST;
  return error.domain === 'user' && error.code !== 'USER_FUNCTION' ? EXIT_CODES.USAGE : EXIT_CODES.FAILED;
}
