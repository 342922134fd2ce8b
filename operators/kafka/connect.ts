import { UserError } from '../../engine/base/errors.ts';
import { parseBrokerAddress } from './broker-address.ts';
import type { KafkaTransportFactory } from './kafka-transport.ts';
import { KafkajsTransport } from './kafkajs-transport.ts';

/** Where a Kafka cluster is and how to get in: the options that sources and sinks share. */
export interface KafkaConnectionOptions {
  /** Bootstrap brokers: `host:port`, several separated by commas or as a list. */
  readonly brokers: string | readonly string[];
  /** Name of this client in the brokers' logs and quotas. Default `tidemark`. */
  readonly clientId?: string | undefined;
  /** True, or options of `tls.connect` (`ca`, `cert`, `key`). Default: no encryption. */
  readonly ssl?: boolean | object | undefined;
  /** `{ mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512', username, password }`, or kafkajs' `oauthBearerProvider`. */
  readonly sasl?: object | undefined;
  /** How to reach the cluster. Default: over the network; tests pass a simulated one. */
  readonly transport?: KafkaTransportFactory | undefined;
}

/** @throws UserError CONFIGURATION when brokers is empty or an address is malformed. */
export function kafkaTransportFactory(options: KafkaConnectionOptions): KafkaTransportFactory {
  if (options.transport !== undefined) return options.transport;
  const brokers = (typeof options.brokers === 'string' ? options.brokers.split(',') : options.brokers)
    .map((broker) => broker.trim())
    .filter((broker) => broker !== '');
  if (brokers.length === 0) {
    throw new UserError('CONFIGURATION', 'the option brokers is empty', { hint: "Give at least one 'host:port'." });
  }
  for (const broker of brokers) parseBrokerAddress(broker);
  return ({ environment, logger }) =>
    new KafkajsTransport({
      brokers,
      clientId: options.clientId ?? 'tidemark',
      ssl: options.ssl === false ? undefined : options.ssl,
      sasl: options.sasl,
      environment,
      logger,
    });
}
