import { runCommand } from './command.ts';

/** A program of the machine that a service needs and npm cannot bring. */
export type Tool = 'java' | 'maven' | 'python';

/** Raised when programs are missing. The message names all of them and what to do. */
export class MissingToolsError extends Error {
  override readonly name = 'MissingToolsError';
}

interface ToolSpec {
  readonly label: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Finds major and minor version in what the program prints. */
  readonly version: RegExp;
  readonly major: number;
  readonly minor: number;
  readonly debianPackage: string;
}

const TOOLS: Readonly<Record<Tool, ToolSpec>> = {
  java: {
    label: 'Java 17 or newer (java)',
    command: 'java',
    args: ['-version'],
    version: /version "(\d+)(?:\.(\d+))?/,
    major: 17,
    minor: 0,
    debianPackage: 'openjdk-17-jre-headless',
  },
  maven: {
    label: 'Maven 3.6 or newer (mvn)',
    command: 'mvn',
    args: ['-B', '-v'],
    version: /Apache Maven (\d+)\.(\d+)/,
    major: 3,
    minor: 6,
    debianPackage: 'maven',
  },
  python: {
    label: 'Python 3.11 or newer with venv (python3)',
    command: 'python3',
    args: ['-c', 'import venv, ensurepip, sys; print("Python %d.%d" % sys.version_info[:2])'],
    version: /Python (\d+)\.(\d+)/,
    major: 3,
    minor: 11,
    debianPackage: 'python3-venv',
  },
};

/** Checks all the tools and throws one MissingToolsError that names every one that is missing or too old. */
export async function requireTools(tools: readonly Tool[]): Promise<void> {
  const wanted = [...new Set(tools)];
  const problems = await Promise.all(wanted.map(problemOf));
  const missing = wanted.filter((_, index) => problems[index] !== undefined);
  if (missing.length === 0) return;
  const lines = wanted.flatMap((tool, index) => {
    const problem = problems[index];
    return problem === undefined ? [] : [`  - ${TOOLS[tool].label}: ${problem}`];
  });
  const packages = missing.map((tool) => TOOLS[tool].debianPackage).join(' ');
  throw new MissingToolsError(
    `The integration tests start real servers and need programs that are not here:\n${lines.join('\n')}\n` +
      `Install them and put them on PATH, on Debian or Ubuntu: apt-get install ${packages}\n` +
      'The unit tests need none of them: npm test -- --project unit',
  );
}

async function problemOf(tool: Tool): Promise<string | undefined> {
  const spec = TOOLS[tool];
  let output: string;
  try {
    output = await runCommand(spec.command, spec.args, { deadlineMs: 60_000 });
  } catch {
    return 'not found, or it does not run';
  }
  const match = spec.version.exec(output.replaceAll('\u001B[1m', ''));
  if (match === null) return `its version could not be read from "${output.split('\n')[0] ?? ''}"`;
  const major = Number(match[1]);
  const minor = Number(match[2] ?? 0);
  const isEnough = major > spec.major || (major === spec.major && minor >= spec.minor);
  return isEnough ? undefined : `found ${major}.${minor}`;
}
