/*
 * The parts of kafkajs 2.2.4 below its public face that we stand on: connections, authentication, version negotiation and
 * the encoders of requests. Declared by hand; the package is pinned and has no `exports` map.
 */

declare module 'kafkajs/src/broker/index.js' {
  import type { KafkajsConnectionPool } from 'kafkajs/src/network/connectionPool.js';
  import type { KafkajsLogger } from 'kafkajs/src/loggers/index.js';
  import type { KafkajsProtocol, KafkajsRequestDefinition } from 'kafkajs/src/protocol/requests/index.js';
  export default class Broker {
    constructor(options: {
      connectionPool: KafkajsConnectionPool;
      logger: KafkajsLogger;
      allowAutoTopicCreation: boolean;
    });
    readonly connectionPool: KafkajsConnectionPool;
    readonly versions: Readonly<Record<number, { minVersion: number; maxVersion: number }>>;
    /** Connects the first connection, asks for the versions and authenticates. */
    connect(): Promise<void>;
    lookupRequest(apiKey: number, definition: KafkajsRequestDefinition): (options: object) => KafkajsProtocol;
  }
}

declare module 'kafkajs/src/network/connectionPool.js' {
  import type { Socket } from 'node:net';
  import type { KafkajsProtocol } from 'kafkajs/src/protocol/requests/index.js';
  import type { KafkajsLogger } from 'kafkajs/src/loggers/index.js';
  export interface KafkajsConnection {
    readonly requestQueue: {
      readonly pending: readonly unknown[];
      scheduleCheckPendingRequests(): void;
      push(request: {
        readonly entry: {
          readonly apiKey: number;
          readonly apiVersion: number;
          readonly apiName: string;
          readonly correlationId: number;
          readonly resolve: (answer: { readonly payload: Buffer }) => void;
          readonly reject: (error: Error) => void;
        };
        readonly expectResponse: boolean;
        readonly requestTimeout: number | null;
        readonly sendRequest: () => void;
      }): void;
      fulfillRequest(answer: { readonly size: number; readonly correlationId: number; readonly payload: Buffer }): void;
    };
    /** Not null while logging in. */
    readonly authHandlers: unknown;
    processData(chunk: Buffer): void;
    readonly clientId: string;
    readonly socket: Socket | undefined;
    nextCorrelationId(): number;
    isAuthenticated(): boolean;
    authenticate(): Promise<void>;
    isConnected(): boolean;
    rejectRequests(error: Error): void;
    disconnect(): Promise<unknown>;
  }
  export interface KafkajsConnectionPool {
    /** Two: the second is for fetches. */
    readonly pool: readonly KafkajsConnection[];
    send<T>(protocol: KafkajsProtocol): Promise<T>;
    getConnection(index: number): Promise<KafkajsConnection>;
  }
  const ConnectionPool: new (options: {
    host: string;
    port: number;
    clientId: string;
    logger: KafkajsLogger;
    socketFactory: unknown;
    connectionTimeout: number;
    requestTimeout: number;
    ssl?: unknown;
    sasl?: unknown;
  }) => KafkajsConnectionPool;
  export default ConnectionPool;
}

declare module 'kafkajs/src/loggers/index.js' {
  export interface KafkajsLogger {
    namespace(name: string): KafkajsLogger;
  }
  export interface KafkajsLogEntry {
    readonly level: number;
    readonly namespace: string;
    readonly log: { readonly message: string; readonly [field: string]: unknown };
  }
  const loggers: {
    readonly LEVELS: Readonly<Record<'NOTHING' | 'ERROR' | 'WARN' | 'INFO' | 'DEBUG', number>>;
    createLogger(options: { level: number; logCreator: () => (entry: KafkajsLogEntry) => void }): KafkajsLogger;
  };
  export default loggers;
}

declare module 'kafkajs/src/protocol/requests/apiKeys.js' {
  const apiKeys: Readonly<Record<string, number>>;
  export default apiKeys;
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  export interface KafkajsProtocol {
    readonly request: {
      readonly apiKey: number;
      readonly apiVersion: number;
      readonly apiName: string;
      encode(): Promise<unknown>;
    };
    readonly response: { decode(payload: Buffer): Promise<unknown>; parse(decoded: unknown): Promise<unknown> };
    readonly requestTimeout?: number | undefined;
    readonly logResponseError?: boolean | undefined;
  }
  export interface KafkajsRequestDefinition {
    readonly versions: readonly string[];
    protocol(options: { version: number }): (options: object) => KafkajsProtocol;
  }
  const definitions: { readonly requests: Readonly<Record<string, KafkajsRequestDefinition>> };
  export default definitions;
}
