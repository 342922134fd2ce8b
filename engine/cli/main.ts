#!/usr/bin/env node
import { createNodeEnvironment } from '../base/environment-node.ts';
import { Command, CommanderError } from 'commander';
import { UserError } from '../base/errors.ts';
import { checkCommand } from './check-command.ts';
import { createControlCommands } from './control-commands.ts';
import { EXIT_CODES, exitCodeOf } from './exit-code.ts';
import { errorText } from './logger.ts';
import { runCommand } from './run-command.ts';
import { createStateCommand } from './state-commands.ts';

/** The `tidemark` command. */
async function main(argv: readonly string[]): Promise<number> {
  // `run` and `check` take their options from the job's module, so they parse them themselves.
  if (argv[0] === 'run' && argv[1] !== '--help' && argv[1] !== '-h') return await runCommand(argv.slice(1));
  if (argv[0] === 'check' && argv[1] !== '--help' && argv[1] !== '-h') return await checkCommand(argv.slice(1));
  const program = new Command('tidemark')
    .description("Stream processing with Apache Flink's semantics, on Node alone.")
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .showSuggestionAfterError();
  program.addCommand(
    new Command('run')
      .description('Runs a job. tidemark run JOB --help lists its options and parameters.')
      .argument('<job>', 'path of a module whose default export is a job')
      .argument('[options...]', 'see tidemark run JOB --help'),
  );
  program.addCommand(
    new Command('check')
      .description('Tells whether a job could go on from a checkpoint or savepoint. tidemark check JOB --help.')
      .argument('<job>', 'path of a module whose default export is a job')
      .argument('[options...]', 'see tidemark check JOB --help'),
  );
  program.addCommand(
    createStateCommand()
      .exitOverride()
      .configureOutput({ outputError: () => {} }),
  );
  for (const command of createControlCommands(print))
    program.addCommand(command.exitOverride().configureOutput({ outputError: () => {} }));
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return EXIT_CODES.OK;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0 || error.code === 'commander.help') return EXIT_CODES.OK;
    throw new UserError('CONFIGURATION', error.message.replace(/^error: /, ''), {
      hint: 'tidemark --help lists the commands.',
    });
  }
}

function print(value: unknown, isJson: boolean): void {
  if (isJson) process.stdout.write(`${JSON.stringify(value)}\n`);
  else if (typeof value === 'string') process.stdout.write(`${value}\n`);
  else if (Array.isArray(value))
    process.stdout.write(value.length === 0 ? 'no jobs are running\n' : `${value.map(formatFields).join('\n')}\n`);
  else process.stdout.write(`${formatFields(value, '\n')}\n`);
}

function formatFields(value: unknown, separator: string | number = '  '): string {
  const between = typeof separator === 'string' ? separator : '  ';
  return Object.entries(value as Record<string, unknown>)
    .filter(([, field]) => field !== undefined)
    .map(([name, field]) => `${name}: ${typeof field === 'object' ? JSON.stringify(field) : String(field)}`)
    .join(between);
}

/** Read here too, as what fails may be the parsing of the options. */
function isDebugging(argv: readonly string[], variable: string | undefined): boolean {
  const at = argv.lastIndexOf('--log-level');
  return argv.includes('--log-level=debug') || (at < 0 ? variable : argv[at + 1]) === 'debug';
}

// Who has read enough (`| head`) closes the pipe: nothing is left to do then.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isStackShown = isDebugging(process.argv, createNodeEnvironment().variables['TIDEMARK_LOG_LEVEL']);
  process.stderr.write(`tidemark: ${errorText(error, isStackShown)}\n`);
  process.exitCode = exitCodeOf(error);
}
// Connections kept alive by clients of servers must not keep a finished job's process.
process.exit();
