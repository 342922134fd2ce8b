import { inspect } from 'node:util';
import { pino, type Logger as PinoLogger } from 'pino';
import { describeError } from '../base/errors.ts';
import type { LogFields, Logger } from '../base/logger.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * The engine's log on standard error: JSON lines for machines, or short lines for people. `before` is called ahead of
 * each line, so that a status line can make room.
 */
export function createLogger(options: { level: LogLevel; isJson: boolean; before?: (() => void) | undefined }): Logger {
  const write = (line: string): void => {
    options.before?.();
    process.stderr.write(line);
  };
  const target: PinoLogger = pino(
    { level: options.level, base: null },
    { write: options.isJson ? write : (line) => write(`${humanLine(line)}\n`) },
  );
  const log =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: LogFields = {}): void => {
      target[level](plain(fields, options.level === 'debug'), message);
    };
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
}

/** Errors as text: the JSON form of an Error is empty. */
function plain(fields: LogFields, isStackShown: boolean): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Error ? errorText(value, isStackShown) : value,
    ]),
  );
}

/** What people read of an error: what, where and what to do; for who looks for a bug, also the way to it. */
export function errorText(error: unknown, isStackShown: boolean): string {
  const text = describeError(error);
  return isStackShown && error instanceof Error ? `${text}\n${inspect(error)}` : text;
}

const LEVEL_NAMES: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warning', 50: 'error' };

function humanLine(json: string): string {
  const line = JSON.parse(json) as { level: number; time: number; msg: string; error?: unknown };
  const { level, time: _time, msg, error, ...fields } = line;
  const details = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const where = details.length > 0 ? ` (${details.join(', ')})` : '';
  // What to do about an error stands in lines of its own below.
  const why = error === undefined ? '' : `\n${String(error)}`.replaceAll('\n', '\n  ');
  return `${LEVEL_NAMES[level] ?? String(level)}: ${msg}${where}${why}`;
}
