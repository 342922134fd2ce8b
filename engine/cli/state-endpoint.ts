import { UserError } from '../base/errors.ts';
import type { Namespace } from '../../state/keyed/key.ts';
import type { JobExecution } from '../runtime/job-execution.ts';
import type { StateAnswer } from '../runtime/state-query.ts';
import { keysOf, numbersOf } from './key-text.ts';

/**
 * Answers `GET /state`: the operators and states that can be asked for, and
 * `GET /state/<operator>/<state>?key=…[&keyType=string|number|bigint|boolean][&namespace=…][&consistency=live|checkpoint]`.
 *
 * @returns undefined when the address is none of these.
 * @throws UserError NOT_FOUND for an unknown operator or state, or a key that has nothing; CONFIGURATION for wrong parameters.
 */
export async function answerStateRequest(execution: JobExecution, url: URL): Promise<object | undefined> {
  const [root, operator, state, ...rest] = url.pathname.split('/').slice(1).map(decoded);
  if (root !== 'state' || rest.length > 0) return undefined;
  if (operator === undefined || operator === '') return execution.queryableOperators();
  if (state === undefined) return undefined;
  const answer = await execution.queryState({
    operatorUid: operator,
    state,
    keys: keysOf(required(url, 'key'), url.searchParams.get('keyType') ?? undefined),
    namespace: namespaceOf(url.searchParams.get('namespace') ?? undefined),
    consistency: consistencyOf(url.searchParams.get('consistency') ?? 'live'),
  });
  if (answer.value !== null) return withTimes(answer);
  throw new UserError(
    'NOT_FOUND',
    `operator '${operator}' keeps nothing in state '${state}' for the key ${JSON.stringify(answer.key)}`,
    {
      hint:
        answer.consistency === 'checkpoint'
          ? 'That is as of the last checkpoint; ask with consistency=live for what is there now.'
          : 'Keys are compared exactly; say keyType=number when the key is a number that is kept as text elsewhere.',
    },
  );
}

function withTimes({ watermarkMs, completedAtMs, ...answer }: StateAnswer): object {
  return {
    ...answer,
    ...(watermarkMs === undefined ? {} : { watermark: watermarkMs }),
    ...(completedAtMs === undefined ? {} : { completedAt: new Date(completedAtMs).toISOString() }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UserError('CONFIGURATION', `the address is not escaped as it must be: '${text}'`);
  }
}

function required(url: URL, name: string): string {
  const value = url.searchParams.get(name);
  if (value === null) throw new UserError('CONFIGURATION', `the parameter '${name}' is missing`);
  return value;
}

/** Windows of fixed size are kept under their start, sessions under `start:end`. */
function namespaceOf(text: string | undefined): Namespace | undefined {
  return text === undefined ? undefined : (numbersOf(text)[0] ?? text);
}

function consistencyOf(text: string): 'live' | 'checkpoint' {
  if (text === 'live' || text === 'checkpoint') return text;
  throw new UserError('CONFIGURATION', `consistency: expected live or checkpoint, found '${text}'`);
}
