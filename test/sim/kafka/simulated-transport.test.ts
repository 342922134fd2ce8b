import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { describeTransport } from '../../conformance/kafka/transport-suite.ts';
import { SimulatedKafka } from './simulated-kafka.ts';

describeTransport(async () => {
  const environment = new VirtualEnvironment();
  const kafka = new SimulatedKafka({ environment, nodeCount: 2 });
  return {
    environment,
    open: () => kafka.transport({ environment, logger: environment.logger }),
    run: (promise) => environment.run(promise),
  };
});
