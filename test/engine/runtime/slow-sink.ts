import {
  type CollectSink,
  collectSink,
  type CollectSinkOptions,
} from '../../../operators/sink/collect/collect-sink.ts';

/** A collecting sink that takes records again only `restMs` after the first it has taken, so that the job is held back. */
export function slowSink<T>(restMs: number, options: CollectSinkOptions<T> = {}): CollectSink<T> {
  const sink = collectSink<T>(options);
  const createWriter = sink.createWriter.bind(sink);
  sink.createWriter = (context) => {
    const writer = createWriter(context);
    let rest: Promise<void> | undefined;
    return {
      prepareCommit: (checkpointId) => writer.prepareCommit(checkpointId),
      close: () => writer.close(),
      write: (value, timestampMs, kind) => {
        rest ??= context.environment.scheduler.delay(restMs).then(() => void (rest = undefined));
        writer.write(value, timestampMs, kind);
      },
      blockedUntil: () => rest,
    };
  };
  return sink;
}
