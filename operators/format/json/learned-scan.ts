import type { RecordShape } from '../../../state/schema/shape.ts';
import type { JsonRules } from './from-json.ts';
import { createOrderedScanner } from './generate-ordered-scan.ts';
import { createScanner, type JsonScanner } from './generate-scan.ts';
import { KeyOrderSamples } from './key-order.ts';
import { FAILED } from './scan-json.ts';

/** Lines read before the first sample is taken, and between two of them. */
const SAMPLE_LINES = 31;
/** Samples after which the ordered scanner is made. */
const SAMPLES = 32;
/** A line in another order costs this much trust, one in the order gives back 1. */
const FAILURE_COST = 4;
const TRUST = 1024;
/** Lines until the order is learned anew, when it was not kept; twice as many each time. */
const RELEARN_LINES = 65_536;

export interface LearningOptions {
  readonly sampleLines?: number | undefined;
  readonly samples?: number | undefined;
}

/**
 * A scanner that learns from the first lines in which order a writer puts the keys, and then expects it. Lines in another
 * order are read all the same, by the scanner for any order; when they are many, the order is forgotten.
 */
export function createLearningScanner<T>(
  shape: RecordShape,
  rules: JsonRules,
  options: LearningOptions = {},
): JsonScanner<T> | undefined {
  const scan = createScanner<T>(shape, rules);
  if (scan === undefined) return undefined;
  const { sampleLines = SAMPLE_LINES, samples: samplesWanted = SAMPLES } = options;
  let ordered: JsonScanner<T> | undefined;
  let trust = 0;
  let samples: KeyOrderSamples | undefined = new KeyOrderSamples(shape, rules);
  let samplesLeft = samplesWanted;
  let linesLeft = sampleLines;
  let relearnLines = RELEARN_LINES;
  return (reader) => {
    const start = reader.offset;
    if (ordered !== undefined) {
      const record = ordered(reader);
      if (record !== FAILED) {
        if (trust < TRUST) trust++;
        return record;
      }
      reader.offset = start;
      trust -= FAILURE_COST;
      if (trust <= 0) {
        ordered = undefined;
        samples = new KeyOrderSamples(shape, rules);
        samplesLeft = samplesWanted;
        linesLeft = relearnLines;
        relearnLines *= 2;
      }
      return scan(reader);
    }
    const record = scan(reader);
    if (samples === undefined || record === FAILED || --linesLeft > 0) return record;
    samples.add(reader.buffer.toString('utf8', start, reader.offset));
    linesLeft = sampleLines;
    if (--samplesLeft > 0) return record;
    const { order } = samples;
    samples = undefined;
    ordered = order === undefined ? undefined : createOrderedScanner<T>(shape, rules, order);
    trust = TRUST;
    return record;
  };
}
