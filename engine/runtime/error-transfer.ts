import {
  CheckpointCorruptError,
  ExternalError,
  InternalError,
  OwnershipLostError,
  PreconditionFailedError,
  RecordError,
  UserError,
} from '../base/errors.ts';
import { StateClosedError } from '../../state/store/state-closed-error.ts';
import { TaskError } from '../task/task-error.ts';

/** An error as plain data, for another thread. */
export type SentError =
  | {
      readonly kind: 'error';
      /** Its classes, its own first. */
      readonly classes: readonly string[];
      readonly name: string;
      readonly message: string;
      readonly stack: string | undefined;
      readonly cause: SentError | undefined;
      /** Of an AggregateError. */
      readonly errors: readonly SentError[] | undefined;
      /** Code, domain, hint and what else it says of itself. */
      readonly fields: Readonly<Record<string, unknown>>;
    }
  /** Something else was thrown. */
  | { readonly kind: 'value'; readonly value: unknown };

const CAUSES_MAX = 10;

const CLASSES: Readonly<Record<string, { readonly prototype: Error }>> = {
  CheckpointCorruptError,
  ExternalError,
  InternalError,
  OwnershipLostError,
  PreconditionFailedError,
  RecordError,
  StateClosedError,
  TaskError,
  UserError,
  AggregateError,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  Error,
};

/** Takes an error apart. What cannot be sent (functions, what is bound to its thread) is left out, or told as text. */
export function sendError(error: unknown, depth: number = 0): SentError {
  if (!(error instanceof Error)) return { kind: 'value', value: sendable(error) };
  const classes: string[] = [];
  for (
    let prototype: unknown = Object.getPrototypeOf(error);
    prototype instanceof Error || prototype === Error.prototype;
  ) {
    classes.push((prototype as Error).constructor.name);
    prototype = Object.getPrototypeOf(prototype);
  }
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(error)) {
    if (name !== 'cause' && typeof value !== 'function') fields[name] = sendable(value);
  }
  // What a server's addresses have each failed with.
  const errors =
    error instanceof AggregateError && depth < CAUSES_MAX
      ? error.errors.slice(0, CAUSES_MAX).map((part: unknown) => sendError(part, depth + 1))
      : undefined;
  const hasCause = error.cause !== undefined && depth < CAUSES_MAX;
  return {
    kind: 'error',
    classes,
    // Not always that of the class: 'AbortError', 'TimeoutError'.
    name: String(error.name),
    message: String(error.message),
    stack: error.stack,
    cause: hasCause ? sendError(error.cause, depth + 1) : undefined,
    errors,
    fields,
  };
}

/** Puts an error together again: an instance of the nearest class that the engine knows, with all it says. */
export function receiveError(sent: SentError): unknown {
  if (sent.kind === 'value') return sent.value;
  const { classes, name, message, stack, cause, errors, fields } = sent;
  const error = cause === undefined ? new Error(message) : new Error(message, { cause: receiveError(cause) });
  const known = classes.find((className) => Object.hasOwn(CLASSES, className));
  if (known !== undefined) Object.setPrototypeOf(error, CLASSES[known]!.prototype);
  const all = { name, ...(errors === undefined ? {} : { errors: errors.map(receiveError) }), ...fields, stack };
  for (const [field, value] of Object.entries(all))
    Object.defineProperty(error, field, { value, writable: true, configurable: true, enumerable: field in fields });
  return error;
}

/** As it is when it can be sent to another thread, else as text. Errors inside are taken apart by the clone itself. */
export function sendable(value: unknown): unknown {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol'))
    return value;
  try {
    return structuredClone(value) as unknown;
  } catch {
    return typeof value === 'object' ? textOf(value) : String(value);
  }
}

function textOf(value: object): string {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
