import type { Environment, TimerHandle } from '../base/environment.ts';
import { createNodeEnvironment } from '../base/environment-node.ts';
import { UserError } from '../base/errors.ts';
import { MetricGroup } from '../base/metrics.ts';
import { createExecutionPlan } from '../graph/execution-plan.ts';
import { graphText } from '../graph/graph-text.ts';
import { createJobGraph, type JobGraph } from '../graph/job-graph.ts';
import { HeapPageStore } from '../../state/store/heap-page-store.ts';
import type { PageStore } from '../../state/store/page-store.ts';
import { RocksDbPageStore } from '../../state/store/rocksdb-page-store.ts';
import { openStorage } from '../../state/storage/storage-url.ts';
import { sendError } from './error-transfer.ts';
import { importJob } from './job-module.ts';
import { LocalTaskHost } from './local-task-host.ts';
import { sendingLogger } from './log-transfer.ts';
import { MetricSender } from './metric-mirror.ts';
import type { TaskHostListener } from './task-host.ts';
import { WorkerLinks } from './thread-links.ts';
import type { FromWorker, ToWorker, WorkerStart } from './worker-messages.ts';

/** How often metrics are sent, milliseconds. */
const REPORT_PERIOD_MS = 250;

type Send = (message: FromWorker) => void;

/** The tasks of a worker thread, and the way between them and the main thread. */
export class WorkerTasks {
  readonly #environment: Environment;
  readonly #send: Send;
  readonly #metrics: MetricSender;
  readonly #links: WorkerLinks;
  #host!: LocalTaskHost;
  #reportTimer: TimerHandle | undefined;

  /**
   * Builds the job anew from its module, and restores the tasks that are to run here.
   *
   * @throws UserError when the module builds another job than the main thread did; CheckpointCorruptError.
   */
  static async build(start: WorkerStart, send: Send): Promise<WorkerTasks> {
    const logger = sendingLogger((log) => send({ kind: 'log', log }));
    const environment = createNodeEnvironment({ logger });
    const graph = await buildGraph(start, environment);
    const metrics = new MetricGroup({ attempt: String(start.attempt), worker: String(start.workerIndex) });
    const links = new WorkerLinks(start);
    const tasks = new WorkerTasks(environment, metrics, links, send);
    try {
      tasks.#host = await LocalTaskHost.create({
        ...start,
        environment,
        metrics,
        graph,
        plan: createExecutionPlan(graph),
        storage: await openStorage(environment, start.storageUrl),
        pageStore: openPageStore(start),
        links,
        listener: tasks.#listener(),
      });
    } catch (error) {
      links.close();
      throw error;
    }
    tasks.#scheduleReport();
    return tasks;
  }

  private constructor(environment: Environment, metrics: MetricGroup, links: WorkerLinks, send: Send) {
    this.#environment = environment;
    this.#links = links;
    this.#send = send;
    this.#metrics = new MetricSender(metrics, environment.clock);
  }

  onMessage(message: ToWorker): void {
    switch (message.kind) {
      case 'open':
        void this.#open();
        return;
      case 'start':
        this.#host.start();
        return;
      case 'checkpoint':
        this.#host.triggerCheckpoint(message.barrier);
        return;
      case 'checkpoint-complete':
        this.#host.notifyCheckpointComplete(message.checkpointId);
        return;
      case 'source':
        this.#host.sendToSource(message.taskId, message.event);
        return;
      case 'drain':
        this.#host.drainSources();
        return;
      case 'read':
        void this.#read(message);
        return;
      case 'close':
        void this.#close();
    }
  }

  async #open(): Promise<void> {
    try {
      await this.#host.open();
      this.#send({ kind: 'opened', operators: this.#host.operators });
    } catch (error) {
      this.#send({ kind: 'refused', error: sendError(error) });
    }
  }

  async #read({ requestId, taskId, read, stored }: Extract<ToWorker, { kind: 'read' }>): Promise<void> {
    try {
      const content =
        stored === undefined
          ? await this.#host.readState(taskId, read)
          : await this.#host.readStoredState(taskId, read, stored);
      this.#send({ kind: 'answer', requestId, content });
    } catch (error) {
      this.#send({ kind: 'answer', requestId, error: sendError(error) });
    }
  }

  async #close(): Promise<void> {
    this.#reportTimer?.cancel();
    this.#report(true);
    await this.#host.close();
    this.#links.close();
    this.#send({ kind: 'closed' });
  }

  #listener(): TaskHostListener {
    const send = this.#send;
    return {
      onSnapshotStarted: (taskId) => send({ kind: 'snapshot-started', taskId }),
      onSnapshotEnded: (taskId, checkpointId, outcome) => {
        // Who stops the job with this checkpoint wants to see exact numbers.
        this.#report();
        const ended = { kind: 'snapshot-ended', taskId, checkpointId } as const;
        if (outcome?.kind === 'acknowledged') {
          try {
            send({ ...ended, acknowledgement: outcome.acknowledgement });
          } catch (error) {
            send({ ...ended, error: sendError(error) });
          }
        } else {
          send({ ...ended, error: outcome === undefined ? undefined : sendError(outcome.error) });
        }
      },
      onFinished: (taskId) => {
        this.#report();
        send({ kind: 'finished', taskId });
      },
      onFailure: (error) => send({ kind: 'failed', error: sendError(error) }),
      onSplitRequest: (sourceUid, subtaskIndex) => send({ kind: 'split-request', sourceUid, subtaskIndex }),
      onReaderEvent: (sourceUid, subtaskIndex, event) => send({ kind: 'reader-event', sourceUid, subtaskIndex, event }),
    };
  }

  #scheduleReport(): void {
    this.#reportTimer = this.#environment.scheduler.setTimer(REPORT_PERIOD_MS, () => {
      this.#report();
      this.#scheduleReport();
    });
  }

  /** @param isExact gauges too: some cost time. */
  #report(isExact: boolean = false): void {
    const { watermarkMs, waiting } = this.#host;
    this.#send({ kind: 'report', metrics: this.#metrics.take(isExact), watermarkMs, waiting });
  }
}

async function buildGraph(start: WorkerStart, environment: Environment): Promise<JobGraph> {
  const { jobModule, jobName, params, jobOptions } = start;
  const job = await importJob(jobModule, jobModule);
  const graph = createJobGraph(job.createGraph(params as never, environment), jobOptions);
  if (graphText(graph) === start.graphText) return graph;
  throw new UserError('JOB_DEFINITION', `job '${jobName}' is built differently in a worker thread`, {
    hint: `build() in ${jobModule} must come to the same operators whenever it is called with the same parameters. ${differenceOf(start.graphText, graphText(graph))}`,
  });
}

function differenceOf(expected: string, found: string): string {
  const [before, after] = [expected.split('\n'), found.split('\n')];
  const at = before.findIndex((line, index) => line !== after[index]);
  return `Main thread: ${before[at] ?? 'nothing more'}; worker: ${after[at] ?? 'nothing more'}.`;
}

/** Another folder than that of the attempt before, which may still be closing. */
function openPageStore({ pageStore, workerIndex, attempt }: WorkerStart): PageStore {
  if (pageStore.kind === 'heap') return new HeapPageStore();
  const { directory, writeBufferBytes } = pageStore;
  return new RocksDbPageStore({ path: `${directory}-${attempt % 2}-worker-${workerIndex}`, writeBufferBytes });
}
