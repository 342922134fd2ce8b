import { createServer } from 'node:net';
import type { Environment } from '../../../engine/base/environment.ts';
import { ExternalError } from '../../../engine/base/errors.ts';

/** Ports above are the kernel's for outgoing connections. */
const PORT_MIN = 15_000;
const PORT_END = 32_768;

/** `preferred` if nothing listens on it at 127.0.0.1, else a free port in [15000, 32768). */
export async function freePort(environment: Environment, preferred: number | undefined): Promise<number> {
  if (preferred !== undefined && (await isFree(preferred))) return preferred;
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = PORT_MIN + Math.floor(environment.random.next() * (PORT_END - PORT_MIN));
    if (await isFree(port)) return port;
  }
  throw new ExternalError('CONNECTION', `no free port in [${PORT_MIN}, ${PORT_END}) on 127.0.0.1`);
}

/** Whether nothing listens on a port at 127.0.0.1. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
