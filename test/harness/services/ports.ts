import { createServer } from 'node:net';

/*
 * Ports are taken from below 32768: the range above is the kernel's for outgoing connections on Linux, and a server
 * port inside it can collide with one of those.
 */
const PORT_MIN = 15_000;
const PORT_END = 32_768;

/** Attempts to find one free port before giving up. */
const ATTEMPTS_MAX = 200;

const handedOut = new Set<number>();

/** Returns `count` different ports in [15000, 32768) that nothing listens on at 127.0.0.1, never the same one twice. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

/** Returns one free port, see {@link freePorts}. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_END - PORT_MIN));
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port found in [${PORT_MIN}, ${PORT_END}) on 127.0.0.1`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
