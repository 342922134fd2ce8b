import { expect, test } from 'vitest';
import { ExternalError, UserError } from '../../../engine/base/errors.ts';
import { receiveError, sendError } from '../../../engine/runtime/error-transfer.ts';
import { TaskError } from '../../../engine/task/task-error.ts';

function transferred(error: unknown): unknown {
  return receiveError(structuredClone(sendError(error)));
}

class ServerError extends ExternalError {
  readonly status = 503;
}

class constructor extends Error {}

test('class, code, hint, retryable, causes and fields come across', () => {
  const cause = new ServerError('CONNECTION', 'gone', { retryable: false, hint: 'Wait.', cause: 'a text' });
  const found = transferred(new TaskError('map', 1, undefined, cause)) as TaskError;
  expect(found).toBeInstanceOf(TaskError);
  expect(found).toMatchObject({ code: 'CONNECTION', domain: 'external', retryable: true, name: 'TaskError' });
  expect(found.cause).toBeInstanceOf(ExternalError);
  expect(found.cause).toMatchObject({
    name: 'ServerError',
    message: 'gone',
    retryable: false,
    hint: 'Wait.',
    status: 503,
    cause: 'a text',
    stack: cause.stack,
  });
});

test('a name that is not the one of the class comes across', () => {
  expect(transferred(AbortSignal.abort().reason)).toMatchObject({ name: 'AbortError' });
});

test('the errors of an AggregateError come across', () => {
  const error = new AggregateError([new UserError('NOT_FOUND', 'one'), new TypeError('two'), 3], 'all failed');
  const found = transferred(error) as AggregateError;
  expect(found).toBeInstanceOf(AggregateError);
  expect(found.errors[0]).toBeInstanceOf(UserError);
  expect(found.errors[1]).toBeInstanceOf(TypeError);
  expect(found.errors[2]).toBe(3);
});

test('fields that cannot be sent are told as text', () => {
  const bare: object = Object.assign(Object.create(null) as object, { call: () => 1 });
  const error = Object.assign(new Error('odd'), { bare, list: [() => 1], call: () => 1 });
  expect(transferred(error)).toMatchObject({ bare: '[object Object]', list: '() => 1' });
  expect(transferred(error)).not.toHaveProperty('call');
});

test('a class with a name that every object knows is an error all the same', () => {
  expect(transferred(new constructor('still an error'))).toBeInstanceOf(Error);
});
