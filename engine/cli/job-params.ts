import { type Command, Option } from 'commander';
import { z } from 'zod';
import { UserError } from '../base/errors.ts';
import type { JobDefinition, ParamsShape } from '../graph/job-definition.ts';

/** One parameter of a job, as the command line shows it. */
export interface ParamFlag {
  /** As in the job: `startFrom`. */
  readonly name: string;
  /** `--start-from` */
  readonly flag: string;
  /** `TIDEMARK_START_FROM` */
  readonly variable: string;
  readonly type: 'string' | 'number' | 'boolean' | 'list';
  readonly description: string;
  readonly choices: readonly string[] | undefined;
  /** As text, for `--help`; undefined when it must be given. */
  readonly defaultText: string | undefined;
  readonly isRequired: boolean;
}

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly anyOf?: readonly JsonSchema[];
}

/** Describes the flags of a job's parameters, in the order of their declaration. */
export function paramFlags(shape: ParamsShape): ParamFlag[] {
  return Object.entries(shape).map(([name, type]) => {
    const json = z.toJSONSchema(type, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
    const isOptional = type.safeParse(undefined).success;
    return {
      name,
      flag: `--${kebabCase(name)}`,
      variable: variableName(name),
      type: flagType(json),
      description: type.description ?? '',
      choices: json.enum?.map(String),
      defaultText: json.default === undefined ? undefined : JSON.stringify(json.default),
      isRequired: !isOptional,
    };
  });
}

/** Adds the parameters of a job to a command's options. */
export function addParamOptions(command: Command, job: JobDefinition): void {
  for (const param of paramFlags(job.params)) {
    const hint = [
      param.description,
      param.choices === undefined ? '' : `one of ${param.choices.join(', ')}`,
      param.isRequired ? '(required)' : param.defaultText === undefined ? '' : `(default: ${param.defaultText})`,
      `[${param.variable}]`,
    ];
    const option = new Option(
      `${param.flag}${param.type === 'boolean' ? ' [bool]' : ' <value>'}`,
      hint.filter((part) => part !== '').join(' '),
    );
    command.addOption(option.helpGroup(`Parameters of ${job.name}:`));
  }
}

/** `startFrom` → `TIDEMARK_START_FROM`. */
export function variableName(name: string): string {
  return `TIDEMARK_${kebabCase(name).replaceAll('-', '_').toUpperCase()}`;
}

/**
 * Parses parameters given as text; a flag wins over an environment variable, which wins over the default.
 *
 * @param flags values by parameter name, as given on the command line.
 * @throws UserError CONFIGURATION with one line per wrong parameter: which, expected what, found what, from where.
 */
export function parseParams(
  shape: ParamsShape,
  flags: Readonly<Record<string, unknown>>,
  variables: Readonly<Record<string, string | undefined>>,
): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const param of paramFlags(shape)) {
    const isFromFlag = flags[param.name] !== undefined;
    const text = isFromFlag ? flags[param.name] : variables[param.variable];
    const parsed = shape[param.name]!.safeParse(coerce(param, text));
    if (parsed.success) {
      params[param.name] = parsed.data;
      continue;
    }
    const where = isFromFlag || text === undefined ? param.flag : `${param.variable} (environment)`;
    const found = text === undefined ? 'nothing' : `'${String(text)}'`;
    problems.push(`${where}: ${parsed.error.issues.map(expectation).join('; ')}, found ${found}`);
  }
  if (problems.length > 0) {
    throw new UserError('CONFIGURATION', problems.join('\n'), {
      hint: 'tidemark run JOB --help lists the parameters of the job.',
    });
  }
  return params;
}

/** What zod says, as our messages say it: expected what. */
function expectation(issue: { readonly message: string }): string {
  return issue.message
    .replace(/^Invalid (?:input|option|string): /, '')
    .replace(/, received .*$/, '')
    .replaceAll('"|"', '", "');
}

function coerce(param: ParamFlag, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (param.type === 'number') return value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value;
  if (param.type === 'boolean')
    return value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value;
  if (param.type === 'list') return value.split(',').map((item) => item.trim());
  return value;
}

function flagType(schema: JsonSchema): ParamFlag['type'] {
  const types = [schema, ...(schema.anyOf ?? [])].flatMap((part) => part.type ?? []);
  if (types.includes('number') || types.includes('integer')) return 'number';
  if (types.includes('boolean')) return 'boolean';
  return types.includes('array') ? 'list' : 'string';
}

function kebabCase(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
}
