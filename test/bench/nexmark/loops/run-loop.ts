import type { EventInput } from '../event-input.ts';
import type { RunReading } from '../run-query.ts';
export function runLoop(_query: string, _input: EventInput): RunReading {
  throw new Error('x');
}
