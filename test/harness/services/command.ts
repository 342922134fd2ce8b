import { execFile } from 'node:child_process';

/** Bytes of output kept of one command; a tool that says more than this is cut, not failed. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Lines of a failed command's output that its error message repeats. */
const TAIL_LINES = 20;

/** What {@link runCommand} may be told about the command. */
export interface CommandOptions {
  readonly cwd?: string | undefined;
  readonly env?: Record<string, string> | undefined;
  /** Milliseconds until the command is killed. Default 10 minutes. */
  readonly deadlineMs?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** Runs a command to its end and returns stdout and stderr together. Throws with the last lines when it fails. */
export function runCommand(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      command,
      args,
      {
        cwd: options.cwd,
        env: { ...process.env, ...options.env },
        timeout: options.deadlineMs ?? 600_000,
        maxBuffer: OUTPUT_BYTES_MAX,
        ...(options.uid === undefined ? {} : { uid: options.uid }),
        ...(options.gid === undefined ? {} : { gid: options.gid }),
      },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`;
        if (error === null) resolve(output);
        else reject(new Error(`${command} ${args.join(' ')} failed:\n${tailOf(output)}`, { cause: error }));
      },
    );
  });
}

/** Returns the last lines of a text. */
export function tailOf(text: string, lineCount = TAIL_LINES): string {
  return text.trimEnd().split('\n').slice(-lineCount).join('\n');
}
