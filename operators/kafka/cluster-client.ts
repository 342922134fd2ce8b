import Broker from 'kafkajs/src/broker/index.js';
import loggers from 'kafkajs/src/loggers/index.js';
import ConnectionPool from 'kafkajs/src/network/connectionPool.js';
import apiKeys from 'kafkajs/src/protocol/requests/apiKeys.js';
import definitions, { type KafkajsProtocol } from 'kafkajs/src/protocol/requests/index.js';
import type { Environment } from '../../engine/base/environment.ts';
import { ExternalError, type TidemarkError, UserError } from '../../engine/base/errors.ts';
import type { Logger } from '../../engine/base/logger.ts';
import { formatBrokerAddress, parseBrokerAddress } from './broker-address.ts';
import { createSocketFactory, installFrameReaders } from './frame-reader.ts';
import { isTransient, KAFKA_ERROR, KafkaResponseError, toTidemarkError } from './kafka-errors.ts';
import {
  BACKOFF_FIRST_MS,
  BACKOFF_MAX_MS,
  CONNECT_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
  RETRY_TIMEOUT_MS,
  SOCKET_TIMEOUT_MS,
} from './limits.ts';
import { type RequestParts, sendParts } from './send-parts.ts';

export interface ClusterOptions {
  /** Addresses as `parseBrokerAddress` reads them, at least one. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Options of `tls.connect`, or true. */
  readonly ssl?: unknown;
  /** As kafkajs takes it: `{ mechanism, username, password }`, or `{ mechanism: 'oauthbearer', oauthBearerProvider }`. */
  readonly sasl?: unknown;
  readonly environment: Environment;
  readonly logger: Logger;
}

/** Names of kafkajs' requests that we use. */
export type KafkaApi =
  | 'Metadata'
  | 'ListOffsets'
  | 'Fetch'
  | 'Produce'
  | 'CreateTopics'
  | 'GroupCoordinator'
  | 'OffsetCommit'
  | 'OffsetFetch'
  | 'InitProducerId'
  | 'AddPartitionsToTxn'
  | 'EndTxn';

/**
 * Connections to the brokers of a cluster, and the one retry loop. kafkajs brings sockets, TLS, authentication, version
 * negotiation and request encoders; which broker to ask, when to try again and what an answer means is decided here.
 *
 * A connection that failed in any way is thrown away, never reused: kafkajs keeps half an answer in it.
 */
export class ClusterClient {
  readonly description: string;
  readonly #options: ClusterOptions;
  readonly #kafkajsLogger: ReturnType<typeof loggers.createLogger>;
  readonly #socketFactory = createSocketFactory();
  readonly #seeds: readonly string[];
  /** By address. */
  readonly #brokers = new Map<string, Broker>();
  readonly #opening = new Map<string, Promise<Broker>>();
  readonly #addressByNode = new Map<number, string>();
  #hasConnected = false;
  #hasWarned = false;
  #isClosed = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#seeds = options.brokers;
    this.description = `Kafka at ${this.#seeds.join(', ')}`;
    this.#kafkajsLogger = loggers.createLogger({
      level: loggers.LEVELS.WARN,
      logCreator: () => (entry) =>
        options.logger.debug(`kafkajs: ${entry.log.message}`, { namespace: entry.namespace }),
    });
  }

  /**
   * Runs `attempt` until it succeeds or fails for good; between tries it waits longer each time.
   *
   * @param what for messages: `describe topic clicks`.
   * @throws ExternalError CONNECTION when it did not succeed in time.
   */
  async retry<T>(what: string, attempt: () => Promise<T>, timeoutMs: number = RETRY_TIMEOUT_MS): Promise<T> {
    const { clock, scheduler, random } = this.#options.environment;
    const startMs = clock.monotonicMs();
    for (let backoffMs = BACKOFF_FIRST_MS; ; backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)) {
      try {
        return await attempt();
      } catch (error) {
        if (this.#isClosed || !isTransient(error)) {
          throw error instanceof KafkaResponseError ? toTidemarkError(error, this.description) : error;
        }
        const passedMs = clock.monotonicMs() - startMs;
        if (passedMs >= (this.#hasConnected ? timeoutMs : Math.min(timeoutMs, CONNECT_TIMEOUT_MS))) {
          throw this.#gaveUp(what, passedMs, error);
        }
        this.#logRetry(what, error as Error, backoffMs);
      }
      await scheduler.delay(backoffMs * (0.75 + random.next() / 2));
    }
  }

  /** A first connection that fails is news: most often the address is wrong. */
  #logRetry(what: string, error: Error, backoffMs: number): void {
    const { logger } = this.#options;
    if (this.#hasConnected || this.#hasWarned) {
      logger.debug(`${what} failed, trying again`, { error: error.message, backoffMs });
      return;
    }
    this.#hasWarned = true;
    const seconds = CONNECT_TIMEOUT_MS / 1000;
    logger.warn(`${error.message}; trying for ${seconds} s. Is the address right, and the broker up?`);
  }

  /** Sends one request to a broker and returns the decoded answer with its error codes unchecked. */
  async call<T>(broker: Broker, api: KafkaApi, options: object): Promise<T> {
    const protocol = this.protocol(broker, api, options);
    return this.send(broker, {
      ...protocol,
      response: { decode: (payload) => protocol.response.decode(payload), parse: async (decoded) => decoded },
    });
  }

  /** kafkajs' encoder and decoder of a request, in the highest version that both sides know. */
  protocol(broker: Broker, api: KafkaApi, options: object): KafkajsProtocol {
    return broker.lookupRequest(apiKeys[api]!, definitions.requests[api]!)(options);
  }

  /** Sends a request of kafkajs' making. */
  send<T>(broker: Broker, protocol: KafkajsProtocol): Promise<T> {
    return this.#dropOnError(broker, protocol.request.apiName, () =>
      broker.connectionPool.send<T>({ ...protocol, logResponseError: false }),
    );
  }

  /** Sends a request of our making and returns the body of its answer. */
  sendParts(broker: Broker, request: RequestParts): Promise<Buffer> {
    return this.#dropOnError(broker, request.apiName, () => sendParts(broker, request));
  }

  /** The highest version of a request that broker and `versionMax` agree on. */
  version(broker: Broker, api: KafkaApi, versionMax: number): number {
    return Math.min(versionMax, broker.versions[apiKeys[api]!]?.maxVersion ?? 0);
  }

  /** A connected broker: one that is connected already, else any that can be reached. */
  async anyBroker(): Promise<Broker> {
    const addresses = new Set([...this.#brokers.keys(), ...this.#addressByNode.values(), ...this.#seeds]);
    let failure: unknown;
    for (const address of addresses) {
      try {
        return await this.#connect(address);
      } catch (error) {
        if (!isTransient(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /** The broker of a node that metadata or a coordinator look-up has named. */
  async broker(nodeId: number): Promise<Broker> {
    const address = this.#addressByNode.get(nodeId);
    if (address === undefined)
      throw new ExternalError('CONNECTION', `the address of Kafka node ${nodeId} is not known`);
    return this.#connect(address);
  }

  learnAddress(nodeId: number, host: string, port: number): void {
    this.#addressByNode.set(nodeId, formatBrokerAddress(host, port));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const brokers = [...this.#brokers.values()];
    this.#brokers.clear();
    await Promise.all(brokers.map(disconnect));
    await Promise.allSettled(this.#opening.values());
  }

  #connect(address: string): Promise<Broker> {
    if (this.#isClosed) {
      const error = new ExternalError('CANCELED', `${this.description}: the connection is closed`, {
        retryable: false,
      });
      return Promise.reject(error);
    }
    const known = this.#brokers.get(address);
    if (known !== undefined) {
      if (known.connectionPool.pool.every((connection) => connection.isConnected())) return Promise.resolve(known);
      this.#drop(known);
    }
    let opening = this.#opening.get(address);
    if (opening === undefined) {
      opening = this.#open(address).finally(() => void this.#opening.delete(address));
      this.#opening.set(address, opening);
    }
    return opening;
  }

  async #open(address: string): Promise<Broker> {
    const { host, port } = parseBrokerAddress(address);
    const { clientId, ssl, sasl } = this.#options;
    const connectionPool = new ConnectionPool({
      host,
      port,
      clientId,
      ssl,
      sasl,
      logger: this.#kafkajsLogger,
      socketFactory: this.#socketFactory,
      connectionTimeout: SOCKET_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
    });
    installFrameReaders(connectionPool);
    for (const { requestQueue } of connectionPool.pool) {
      // kafkajs sets a timer with a negative delay after every answer, which Node warns about each time.
      const schedule = requestQueue.scheduleCheckPendingRequests.bind(requestQueue);
      requestQueue.scheduleCheckPendingRequests = () => {
        if (requestQueue.pending.length > 0) schedule();
      };
    }
    const broker = new Broker({ connectionPool, logger: this.#kafkajsLogger, allowAutoTopicCreation: false });
    try {
      await broker.connect();
      await connectionPool.getConnection(1);
    } catch (error) {
      void disconnect(broker);
      const refusal = explainRefusal(error as KafkajsError, address);
      if (refusal !== undefined) throw refusal;
      throw new ExternalError('CONNECTION', `cannot reach Kafka at ${address}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    this.#hasConnected = true;
    if (this.#isClosed) void disconnect(broker);
    else this.#brokers.set(address, broker);
    return broker;
  }

  async #dropOnError<T>(broker: Broker, apiName: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      this.#drop(broker);
      throw new ExternalError('CONNECTION', `${apiName} failed: ${(error as Error).message}`, { cause: error });
    }
  }

  #drop(broker: Broker): void {
    for (const [address, known] of this.#brokers) if (known === broker) this.#brokers.delete(address);
    void disconnect(broker);
  }

  #gaveUp(what: string, passedMs: number, cause: unknown): TidemarkError {
    const seconds = Math.round(passedMs / 1000);
    if (cause instanceof KafkaResponseError) {
      if (cause.kafkaCode === KAFKA_ERROR.UNKNOWN_TOPIC_OR_PARTITION) return toTidemarkError(cause, this.description);
      return new ExternalError(
        'CONNECTION',
        `${this.description} could not ${what} for ${seconds} s: ${cause.message}`,
        {
          cause,
          hint: 'Check the health of the cluster: a partition without leader or too few replicas in sync.',
        },
      );
    }
    return new ExternalError('CONNECTION', `${(cause as Error).message}; tried for ${seconds} s to ${what}`, {
      cause,
      hint: this.#hasConnected
        ? 'Check that the broker is up and that its advertised address can be reached from here.'
        : 'Start the broker, or correct the address in the brokers option.',
    });
  }
}

/** Ends both connections at once; requests under way are rejected. */
async function disconnect(broker: Broker): Promise<void> {
  const { pool } = broker.connectionPool;
  for (const connection of pool) {
    connection.rejectRequests(new Error('the connection is closed'));
    connection.socket?.destroy();
  }
  await Promise.all(pool.map((connection) => connection.disconnect()));
}

type KafkajsError = Error & { readonly code?: string; readonly type?: string };

/** Connection errors that no waiting heals: wrong password, unknown certificate. */
function explainRefusal(error: KafkajsError, address: string): UserError | undefined {
  const refused = (what: string, hint: string): UserError =>
    new UserError('CONFIGURATION', `Kafka at ${address} ${what}: ${error.message}`, { cause: error, hint });
  if (error.name === 'KafkaJSSASLAuthenticationError' || error.type === 'UNSUPPORTED_SASL_MECHANISM') {
    return refused('refused the login', 'Correct mechanism, user name and password in the sasl option.');
  }
  if (/CERT|SIGNATURE/.test(error.code ?? '')) {
    return refused('showed a certificate that is not trusted', 'Give the authority that signed it: ssl: { ca }.');
  }
  return undefined;
}
