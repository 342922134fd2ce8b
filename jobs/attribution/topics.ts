import type { SourceName } from './schemas.ts';

/** The Kafka topic of a source. */
export function topicOf(source: SourceName, prefix: string = ''): string {
  return `${prefix}${source}`;
}
