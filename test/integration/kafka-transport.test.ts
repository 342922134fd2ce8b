import { beforeAll } from 'vitest';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { KafkajsTransport } from '../../operators/kafka/kafkajs-transport.ts';
import { describeTransport } from '../conformance/kafka/transport-suite.ts';
import { sharedServices } from '../harness/services/shared.ts';

let brokers: string;

beforeAll(async () => {
  ({ brokers } = (await sharedServices('kafka')).kafka);
});

describeTransport(async () => {
  const environment = createNodeEnvironment();
  const { logger } = environment;
  return {
    environment,
    open: () => new KafkajsTransport({ brokers: [brokers], clientId: 'suite', environment, logger }),
    run: (promise) => promise,
  };
});
