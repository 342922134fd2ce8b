import type { RowKind } from '../../../engine/task/row-kind.ts';
import type { StreamOperator } from '../../../engine/task/stream-operator.ts';
import type { TestBackendKind } from '../../harness/operators/backends.ts';
import type { HarnessSnapshot } from '../../harness/operators/harness-snapshot.ts';
import { OperatorHarness } from '../../harness/operators/operator-harness.ts';
import type { OutputElement } from '../../harness/operators/stream-elements.ts';
import { NotCovered, type Observed, type VectorRun } from '../observed.ts';
import { printTime, type Step, timeMs } from '../vector.ts';

/** A vector's record: keys come with the step, not from the value. */
interface KeyedValue {
  readonly key: string | number;
  readonly value: unknown;
}

const ROW_KINDS: Readonly<Record<string, RowKind>> = { '+I': 0, '-U': 1, '+U': 2, '-D': 3 };

/** A step's row kind; a missing one is `+I`. */
export const rowKindOf = (kind: string | undefined): RowKind => ROW_KINDS[kind ?? '+I']!;

export interface HarnessRunOptions {
  readonly inputCount: 1 | 2;
  readonly isKeyed: boolean;
  /** The second input goes to every subtask; its records have no key. */
  readonly isSecondBroadcast?: boolean | undefined;
  /** Whether the type lists watermarks. */
  readonly listsWatermarks: boolean;
  readonly backend: TestBackendKind;
  readonly unreadTagIds?: readonly string[] | undefined;
  /** Called after every step. */
  afterStep?(harness: OperatorHarness<unknown>, step: Step): void;
}

/** Replays the steps of the operator types on a harness. */
export async function harnessRun(
  create: () => StreamOperator<unknown>,
  observed: Observed,
  options: HarnessRunOptions,
): Promise<VectorRun> {
  const { inputCount, isKeyed } = options;
  const isKeyedInput = (i: number): boolean => i === 0 || options.isSecondBroadcast !== true;
  const keySelectors = isKeyed
    ? Array.from({ length: inputCount }, (_, i) => (isKeyedInput(i) ? (value: KeyedValue) => value.key : undefined))
    : undefined;
  const harness = await OperatorHarness.open(
    () => unwrapped(create(), isKeyed),
    inputCount,
    keySelectors as readonly (((value: never) => string | number) | undefined)[] | undefined,
    { backend: options.backend, unreadTagIds: options.unreadTagIds },
  );
  observed.listsWatermarks = options.listsWatermarks;
  const snapshots = new Map<number, HarnessSnapshot>();

  async function run(step: Step): Promise<void> {
    switch (step.t) {
      case 'rec': {
        const value = isKeyed ? { key: step.key!, value: step.value } : step.value;
        const kind = rowKindOf(step.kind);
        if (inputCount === 1) harness.processElement(value, timeMs(step.ts), kind);
        else if (step.side === 1) harness.processElement1(value, timeMs(step.ts), kind);
        else harness.processElement2(value, timeMs(step.ts), kind);
        return;
      }
      case 'wm':
        if (inputCount === 1) return await harness.processWatermark(timeMs(step.ts));
        return await (step.side === 1
          ? harness.processWatermark1(timeMs(step.ts))
          : harness.processWatermark2(timeMs(step.ts)));
      case 'proc':
        return await harness.setProcessingTime(timeMs(step.ts));
      case 'snapshot':
        snapshots.set(step.checkpointId ?? 0, await harness.snapshot());
        return;
      case 'restore':
        return await harness.initializeState(snapshots.get(step.checkpointId ?? 0)!);
      case 'end':
        return await harness.endInput();
      default:
        throw new NotCovered(`step ${step.t}`);
    }
  }

  return {
    async step(step) {
      await run(step);
      options.afterStep?.(harness, step);
      for (const element of harness.takeOutput()) {
        observed.emit(print(element));
      }
      for (const [tagId, elements] of harness.takeSideOutputs()) {
        for (const element of elements) observed.emitSide(tagId, print(element));
      }
    },
    close: () => harness.close(),
  };
}

/** An element as expectations write it. */
export function print(element: OutputElement): Readonly<Record<string, unknown>> {
  if ('watermarkMs' in element) return { wm: printTime(element.watermarkMs) };
  if ('status' in element) return { status: element.status.toUpperCase() };
  const { value, timestampMs, kind } = element;
  return { value, ts: printTime(timestampMs), kind };
}

/** Takes the key off the values before the operator sees them. */
function unwrapped(operator: StreamOperator<unknown>, isKeyed: boolean): StreamOperator<unknown> {
  if (!isKeyed) return operator;
  for (const method of ['processElement', 'processElement1', 'processElement2'] as const) {
    const process = operator[method].bind(operator);
    operator[method] = (value, timestampMs, kind) => process((value as KeyedValue).value, timestampMs, kind);
  }
  return operator;
}
