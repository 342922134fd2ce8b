import type { OperatorListState } from '../../engine/task/operator-state.ts';
import type { RowKind } from '../../engine/task/row-kind.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import { record } from '../../state/schema/record.ts';
import { float64, int, long } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { AsyncRequest, type QueuedElement, QueuedMark } from './async-request.ts';

interface StoredRequest<T> {
  readonly value: T;
  /** NaN: none. */
  readonly timestamp: number;
  readonly rowKind: number;
}

interface StoredWatermark {
  /** Requests before it. */
  readonly position: number;
  readonly watermarkMs: number;
}

const StoredWatermark = record('AsyncWatermarkInFlight', { position: int(), watermarkMs: long() });

/**
 * The inputs of an async operator that are under way, as operator state: they are dealt out to the subtasks and asked
 * about again. Watermarks between them are kept only where one subtask was and is alone: at another parallelism, or when
 * splits have moved, they could be ahead of records that come to a subtask from elsewhere. Statuses are not kept.
 */
export class RequestsInFlight<T, R> {
  readonly #requests: OperatorListState<StoredRequest<T>>;
  readonly #watermarks: OperatorListState<StoredWatermark>;
  readonly #isAlone: boolean;

  /** Declares the state. */
  constructor(context: OperatorContext, schema: Schema<T>) {
    const stored = record('AsyncRequestInFlight', { value: schema, timestamp: float64(), rowKind: int() });
    this.#requests = context.operatorState.listState<StoredRequest<T>>({
      name: 'in-flight',
      schema: stored as unknown as Schema<StoredRequest<T>>,
    });
    this.#watermarks = context.operatorState.listState<StoredWatermark>({
      name: 'watermarks-in-flight',
      schema: StoredWatermark,
    });
    this.#isAlone = context.parallelism === 1;
  }

  store(elements: Iterable<QueuedElement<T, R>>): void {
    const requests: StoredRequest<T>[] = [];
    const watermarks: StoredWatermark[] = [];
    for (const element of elements) {
      if (element instanceof AsyncRequest) {
        const { value, timestamp, rowKind } = element;
        requests.push({ value, timestamp, rowKind });
      } else if (this.#isAlone && !Number.isNaN(element.watermarkMs)) {
        watermarks.push({ position: requests.length, watermarkMs: element.watermarkMs });
      }
    }
    this.#requests.update(requests);
    this.#watermarks.update(watermarks);
  }

  /** What was stored, anew. */
  *restored(): Generator<QueuedElement<T, R>> {
    const watermarks = this.#isAlone ? [...this.#watermarks.get()] : [];
    const requests = this.#requests.get();
    for (let position = 0; position <= requests.length; position++) {
      while (watermarks[0]?.position === position) yield new QueuedMark(watermarks.shift()!.watermarkMs, false);
      const request = requests[position];
      if (request !== undefined)
        yield new AsyncRequest<T, R>(request.value, request.timestamp, request.rowKind as RowKind);
    }
  }
}
