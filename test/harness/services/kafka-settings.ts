/** Where one broker listens and keeps its data. */
export interface BrokerPlace {
  readonly port: number;
  readonly controllerPort: number;
  readonly dataFolder: string;
}

/** `server.properties` of a single KRaft node that is broker and controller, small and quick to fail over. */
export function brokerProperties({ port, controllerPort, dataFolder }: BrokerPlace): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=${dataFolder}
num.network.threads=1
num.io.threads=2
background.threads=2
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
# The default of 50 makes the first join slow.
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# Default 3000.
group.initial.rebalance.delay.ms=0
# Default 6000; lets fail-over tests be quick.
group.min.session.timeout.ms=1000
# Default 128 MiB of heap at start.
log.cleaner.dedupe.buffer.size=8388608
# Default 10000.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
# The cap for a client's transaction timeout; 15 minutes.
transaction.max.timeout.ms=900000
# A killed broker is known again after 4 s instead of 13 s.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
# Records carry old event times: without this they are deleted within minutes.
log.retention.ms=-1
# Event times ahead of the wall clock are accepted.
log.message.timestamp.after.max.ms=9223372036854775807
log.initial.task.delay.ms=1000
`;
}

/** Maven project that names the broker and the logging it does not bring itself. */
export function brokerPom(versions: { readonly kafka: string; readonly log4j: string }): string {
  const log4j = ['log4j-api', 'log4j-core', 'log4j-slf4j-impl'].map((artifact) =>
    dependency('org.apache.logging.log4j', artifact, versions.log4j),
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tidemark.test</groupId>
  <artifactId>kafka-broker</artifactId>
  <version>1</version>
  <dependencies>
${[dependency('org.apache.kafka', 'kafka_2.13', versions.kafka), ...log4j].join('\n')}
  </dependencies>
</project>
`;
}

function dependency(group: string, artifact: string, version: string): string {
  return `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
}

/** Broker logging: warnings to the console, which the harness keeps in a file. */
export const BROKER_LOG4J = `rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{HH:mm:ss.SSS} %p %c{1} %m%n
`;
