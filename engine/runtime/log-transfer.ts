import type { LogFields, Logger } from '../base/logger.ts';
import { receiveError, sendable, sendError, type SentError } from './error-transfer.ts';

/** A line of log on its way to the main thread. */
export interface SentLog {
  readonly level: keyof Logger;
  readonly message: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly errors: Readonly<Record<string, SentError>>;
}

/** A logger that sends its lines elsewhere. */
export function sendingLogger(send: (log: SentLog) => void): Logger {
  const log =
    (level: keyof Logger): Logger['info'] =>
    (message, fields = {}) => {
      const values: Record<string, unknown> = {};
      const errors: Record<string, SentError> = {};
      for (const [name, value] of Object.entries(fields)) {
        if (value instanceof Error) errors[name] = sendError(value);
        else values[name] = sendable(value);
      }
      send({ level, message, values, errors });
    };
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
}

export function writeSentLog(logger: Logger, { level, message, values, errors }: SentLog): void {
  const fields: Record<string, unknown> = { ...values };
  for (const [name, error] of Object.entries(errors)) fields[name] = receiveError(error);
  const all: LogFields | undefined = Object.keys(fields).length === 0 ? undefined : fields;
  logger[level](message, all);
}
