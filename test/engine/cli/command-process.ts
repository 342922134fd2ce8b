import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';

export const ROOT: string = fileURLToPath(new URL('../../..', import.meta.url));
const MAIN = fileURLToPath(new URL('../../../engine/cli/main.ts', import.meta.url));

/** The `tidemark` command in a process of its own, as people run it. */
export class CommandProcess {
  static readonly #running = new Set<CommandProcess>();
  readonly #child: ChildProcess;
  /** Null: ended by a signal. */
  readonly exitCode: Promise<number | null>;
  /** Everything it has printed. */
  output = '';
  hasExited = false;
  #onChange: () => void = () => {};

  constructor(args: readonly string[], variables: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [MAIN, ...args], {
      cwd: ROOT,
      env: { ...createNodeEnvironment().variables, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    CommandProcess.#running.add(this);
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on('data', (data: Buffer) => {
        this.output += data.toString('utf8');
        this.#onChange();
      });
    }
    this.exitCode = once(this.#child, 'close').then(([code]) => {
      CommandProcess.#running.delete(this);
      this.hasExited = true;
      this.#onChange();
      return code as number | null;
    });
  }

  /** Whatever a failed test has left. */
  static killAll(): void {
    for (const command of CommandProcess.#running) command.#child.kill('SIGKILL');
  }

  /** Waits for output. @throws when the process ends before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.hasExited) throw new Error(`the command has ended:\n${this.output}`);
      await new Promise<void>((resolve) => void (this.#onChange = resolve));
    }
  }

  /** Ctrl-C. */
  async stop(): Promise<void> {
    this.#child.kill('SIGINT');
    await this.exitCode;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exitCode;
  }
}
