import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../engine/cli/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** A job in a process of its own, started as a user starts it, which can be killed as an outage kills it. */
export class JobProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #output = '';

  constructor(flags: readonly string[], variables: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [MAIN, 'run', 'jobs/attribution/job.ts', ...flags], {
      cwd: ROOT,
      env: { ...process.env, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on('data', (data: Buffer) => void (this.#output += data.toString('utf8')));
    }
    this.#exited = once(this.#child, 'exit').then(([code]) => code as number | null);
  }

  /** Everything it has printed. */
  get output(): string {
    return this.#output;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** The exit code, when it has ended by itself. */
  async exit(): Promise<number | null> {
    return await this.#exited;
  }
}
