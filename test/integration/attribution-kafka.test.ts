import { expect, test } from 'vitest';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { attributionRules } from '../../jobs/attribution/rules.ts';
import { score } from '../../jobs/attribution/scorer.ts';
import { kafkaRows } from '../../jobs/attribution/kafka-rows.ts';
import { Simulator } from '../../jobs/simulator/simulator.ts';
import { computeTruth } from '../../jobs/simulator/truth/compute-truth.ts';
import { rangeWithin } from '../../jobs/simulator/truth/log-range.ts';
import { KafkaTarget } from '../../jobs/simulator/write/kafka-target.ts';
import { runSimulator } from '../../jobs/simulator/write/run-simulator.ts';
import { engineRun } from '../jobs/attribution/engine-run.ts';
import { CROWDED } from '../jobs/attribution/crowded-world.ts';
import { HttpSchemaRegistry } from '../../operators/format/avro/http-schema-registry.ts';
import { sharedServices, uniqueName } from '../harness/services/shared.ts';

test.each([
  ['plain', false],
  ['with the ids of a schema registry', true],
])(
  'the job reads the world from Kafka, bid requests %s, and gives what the truth expects, once',
  async (_, isNamed) => {
    const { kafka } = await sharedServices('kafka');
    const registry = isNamed
      ? new HttpSchemaRegistry({ url: (await sharedServices('registry')).registry.url })
      : undefined;
    const environment = createNodeEnvironment();
    const topicPrefix = `${uniqueName('attribution')}-`;
    const simulator = new Simulator({ ...CROWDED, seed: 6 });
    const durationMs = 60_000;
    const target = new KafkaTarget({ brokers: kafka.brokers, environment, topicPrefix, registry });
    await runSimulator({ simulator, target, environment, durationMs });

    const rules = attributionRules({ joinWindow: '15s', dedupeWindow: '10s' });
    const { rows, restartCount } = await engineRun({
      simulator,
      rules,
      durationMs,
      parallelism: 2,
      failAfter: [3_000],
      environment,
      createSource: (stream) =>
        kafkaRows({ brokers: kafka.brokers, source: stream, topicPrefix, isBounded: true, registry }),
    });
    const result = score(rows, computeTruth(simulator, rangeWithin(simulator, durationMs), rules));
    expect(result.differences).toEqual([]);
    expect(result.isPerfect).toBe(true);
    expect(restartCount).toBe(1);
  },
);
