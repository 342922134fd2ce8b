import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rmSync, writeFileSync } from 'node:fs';
import type { Environment } from '../base/environment.ts';
import { describeError, type ErrorCode, TidemarkError, UserError } from '../base/errors.ts';
import type { JobExecution, JobStatus } from '../runtime/job-execution.ts';
import type { TaskLoadStatus } from '../runtime/task-load-status.ts';
import { openStorage } from '../../state/storage/storage-url.ts';
import { exitCodeOf } from './exit-code.ts';
import { answerStateRequest } from './state-endpoint.ts';

/** How other `tidemark` commands reach a running job: written to `DATA/<job>.control.json`. */
export interface ControlAddress {
  readonly job: string;
  readonly pid: number;
  readonly port: number;
  /** Sent as a bearer token, so that only who can read the file can give orders. */
  readonly token: string;
}

export type ControlRequest =
  | { readonly verb: 'status' }
  | { readonly verb: 'checkpoint' }
  | { readonly verb: 'savepoint'; readonly target: string }
  | { readonly verb: 'stop'; readonly drain: boolean; readonly savepoint: string | undefined }
  | { readonly verb: 'cancel' };

/** Answer to `status`. */
export type ControlStatus = Omit<JobStatus, 'lastFailure'> & {
  readonly lastFailure?: string | undefined;
  readonly tasks?: readonly TaskLoadStatus[] | undefined;
};

export function controlFile(dataDirectory: string, job: string): string {
  return `${dataDirectory}/${job}.control.json`;
}

/** Serves orders for one running job on loopback. */
export async function startControlServer(options: {
  execution: JobExecution;
  job: string;
  dataDirectory: string;
  environment: Environment;
}): Promise<{ close(): Promise<void> }> {
  const { execution, environment } = options;
  const token = environment.newId() + environment.newId();
  const server = createServer((request, response) => void answer(request, response));
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.headers.authorization !== `Bearer ${token}`) {
      send(response, 401, { error: 'wrong token' });
      return;
    }
    try {
      if (request.method === 'GET') {
        await answerGet(execution, request, response);
        return;
      }
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const order = JSON.parse(Buffer.concat(chunks).toString('utf8')) as ControlRequest;
      send(response, 200, await carryOut(execution, environment, order));
    } catch (error) {
      send(response, 500, failureOf(error));
    }
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const file = controlFile(options.dataDirectory, options.job);
  const address: ControlAddress = {
    job: options.job,
    pid: process.pid,
    port: (server.address() as AddressInfo).port,
    token,
  };
  writeFileSync(file, JSON.stringify(address), { mode: 0o600 });
  return {
    close: async () => {
      rmSync(file, { force: true });
      // An order that is still being carried out gets a moment to be answered.
      const impatience = environment.scheduler.setTimer(1000, () => server.closeAllConnections());
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
      impatience.cancel();
    },
  };
}

async function answerGet(execution: JobExecution, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  try {
    const answer = await answerStateRequest(execution, url);
    if (answer === undefined) send(response, 404, { error: `there is nothing at ${url.pathname}` });
    else send(response, 200, answer);
  } catch (error) {
    if (!(error instanceof TidemarkError) || (error.code !== 'NOT_FOUND' && error.code !== 'CONFIGURATION'))
      throw error;
    send(response, error.code === 'NOT_FOUND' ? 404 : 400, failureOf(error));
  }
}

async function carryOut(execution: JobExecution, environment: Environment, order: ControlRequest): Promise<unknown> {
  switch (order.verb) {
    case 'status': {
      const { lastFailure, ...status } = execution.status;
      const failure = lastFailure === undefined ? undefined : describeError(lastFailure);
      return { ...status, lastFailure: failure, tasks: execution.taskLoads };
    }
    case 'checkpoint': {
      const { manifest, bytes } = await execution.triggerCheckpoint();
      return { checkpointId: manifest.checkpointId, bytes };
    }
    case 'savepoint': {
      const manifest = await execution.savepoint(await openStorage(environment, order.target));
      return { checkpointId: manifest.checkpointId, savepoint: order.target };
    }
    case 'stop': {
      const savepoint = order.savepoint === undefined ? undefined : await openStorage(environment, order.savepoint);
      return await execution.stop({ drain: order.drain, savepoint });
    }
    case 'cancel':
      return await execution.cancel();
    default:
      throw new UserError('CONFIGURATION', `unknown order '${String((order as { verb: unknown }).verb)}'`);
  }
}

/** What a request that failed is answered. */
export interface ControlFailure {
  /** All there is to say, with code, causes and hint. */
  readonly error: string;
  readonly message?: string | undefined;
  readonly code?: ErrorCode | undefined;
  readonly hint?: string | undefined;
  readonly exitCode?: number | undefined;
}

function failureOf(error: unknown): ControlFailure {
  const failure = { error: describeError(error), exitCode: exitCodeOf(error) };
  if (!(error instanceof TidemarkError)) return failure;
  return { ...failure, message: error.message, code: error.code, hint: error.hint };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(body));
}
