import { UserError } from '../../engine/base/errors.ts';

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`; an IPv6 host stands in brackets.
 *
 * @throws UserError CONFIGURATION
 */
export function parseBrokerAddress(address: string): BrokerAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535) {
    throw new UserError('CONFIGURATION', `expected a broker as host:port, found '${address}'`, {
      hint: "Write the option brokers as 'host:port', several separated by commas.",
    });
  }
  return { host: match[1] ?? match[2]!, port };
}

export function formatBrokerAddress(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
