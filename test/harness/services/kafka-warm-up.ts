/*
 * Makes a broker create its internal topics, for group offsets and for transactions, and waits for both: a client that
 * commits offsets in a transaction does not retry when the coordinator is not loaded yet.
 *
 * A program of its own, because kafkajs makes Node 24 print a warning that can only be turned off at start.
 *
 * Run: node --disable-warning=TimeoutNegativeWarning kafka-warm-up.ts <host:port>
 */
import { Kafka, logLevel } from 'kafkajs';
import { until } from './until.ts';

/** Milliseconds until the internal topics of a new broker must be there. */
const WARM_DEADLINE_MS = 60_000;

const brokers = process.argv[2];
if (brokers === undefined) throw new Error('kafka-warm-up.ts needs the address of a broker');

const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING, retry: { retries: 20 } });
const admin = kafka.admin();
await admin.connect();
await until({
  what: 'the group coordinator',
  deadlineMs: WARM_DEADLINE_MS,
  probe: () => admin.fetchOffsets({ groupId: 'warm-up' }),
});
await admin.disconnect();
const producer = kafka.producer({ transactionalId: 'warm-up', idempotent: true, maxInFlightRequests: 1 });
await producer.connect();
await (await producer.transaction()).abort();
await producer.disconnect();
