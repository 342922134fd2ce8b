/*
 * What a pattern matches, by its definition: all ways to choose records for its stages, each tried on the whole sequence of
 * a key. No automaton, no state. For patterns of stages in a row: no groups, nothing greedy; a stage that must not
 * occur is followed by one that must.
 */

export interface BruteStage {
  readonly via: 'next' | 'followedBy' | 'followedByAny' | 'notNext' | 'notFollowedBy';
  /** The letters that fit. */
  readonly letters: string;
  readonly from: number;
  /** Infinity for a loop. */
  readonly to: number;
  readonly isOptional: boolean;
  readonly inner: 'strict' | 'next' | 'any';
  /** Letters that end the loop. */
  readonly until: string;
}

export interface BruteRecord {
  readonly letter: string;
  readonly timestampMs: number;
}

/** Indexes of the records of each match, in the order of the stages. */
export function bruteForceMatches(
  stages: readonly BruteStage[],
  records: readonly BruteRecord[],
  withinMs: number,
): number[][] {
  const matches: number[][] = [];
  for (let first = 0; first < records.length; first++) {
    // The first stage begins anywhere; one that is optional may be left out, and then the next begins there.
    for (const start of startsOf(stages)) {
      const stage = stages[start]!;
      if (!fits(stage, records, first) || stage.until.includes(records[first]!.letter)) continue;
      follow({ stages, records, withinMs, matches }, start, 1, [first]);
    }
  }
  return matches;
}

interface Search {
  readonly stages: readonly BruteStage[];
  readonly records: readonly BruteRecord[];
  readonly withinMs: number;
  readonly matches: number[][];
}

/** Stages that can be the first to take a record. */
function startsOf(stages: readonly BruteStage[]): number[] {
  const starts: number[] = [];
  for (let i = 0; i < stages.length; i++) {
    starts.push(i);
    if (!stages[i]!.isOptional) return starts;
  }
  return starts;
}

/** `taken` are the records so far, `count` of them by stage `at`. */
function follow(search: Search, at: number, count: number, taken: readonly number[]): void {
  const { stages, records, withinMs, matches } = search;
  const stage = stages[at]!;
  const last = taken.at(-1)!;
  if (withinMs > 0 && records[last]!.timestampMs - records[taken[0]!]!.timestampMs >= withinMs) return;
  const mayLeave = count >= stage.from;
  if (mayLeave && stages.slice(at + 1).every(({ isOptional }) => isOptional)) matches.push([...taken]);
  // A stage that may not come right after this one ends the match even where this one could go on.
  const following = stages[at + 1];
  const isStopped = (index: number, isFirst: boolean): boolean => {
    if (following === undefined) return false;
    const isHit = following.letters.includes(records[index]!.letter);
    if (following.via === 'notNext') return isHit && mayLeave && isFirst;
    return following.via === 'notFollowedBy' && isHit && isQuantified(stage);
  };
  if (count < stage.to) {
    for (const next of candidates(stage, stage.inner, records, last, stage.until, isStopped)) {
      follow(search, at, count + 1, [...taken, next]);
    }
  }
  if (mayLeave) leave(search, at, taken);
}

/** Goes on with the stages after `at`: the next that takes a record, past optional ones. */
function leave(search: Search, at: number, taken: readonly number[]): void {
  const { stages, records } = search;
  const last = taken.at(-1)!;
  let banned = '';
  let bannedNext = '';
  for (let i = at + 1; i < stages.length; i++) {
    const stage = stages[i]!;
    if (stage.via === 'notFollowedBy') {
      banned += stage.letters;
      continue;
    }
    if (stage.via === 'notNext') {
      bannedNext += stage.letters;
      continue;
    }
    const isStopped = (index: number, isFirst: boolean): boolean => {
      const { letter } = records[index]!;
      return banned.includes(letter) || (isFirst && bannedNext.includes(letter));
    };
    const contiguity = stage.via === 'next' ? 'strict' : stage.via === 'followedBy' ? 'next' : 'any';
    // Before its first record nothing ends a loop, but it does not begin with what ends it.
    for (const next of candidates(stage, contiguity, records, last, '', isStopped)) {
      if (!stage.until.includes(records[next]!.letter)) follow(search, i, 1, [...taken, next]);
    }
    if (!stage.isOptional) return;
  }
}

/** Records after `last` that the stage may take next. */
function candidates(
  stage: BruteStage,
  contiguity: 'strict' | 'next' | 'any',
  records: readonly BruteRecord[],
  last: number,
  until: string,
  isStopped: (index: number, isFirst: boolean) => boolean,
): number[] {
  const found: number[] = [];
  for (let i = last + 1; i < records.length; i++) {
    if (until.includes(records[i]!.letter) || isStopped(i, i === last + 1)) return found;
    const isFit = fits(stage, records, i);
    if (isFit) found.push(i);
    if (contiguity === 'strict' || (contiguity === 'next' && isFit)) return found;
  }
  return found;
}

function fits(stage: BruteStage, records: readonly BruteRecord[], index: number): boolean {
  const { letter } = records[index]!;
  return stage.letters.includes(letter);
}

function isQuantified({ to }: BruteStage): boolean {
  return to > 1;
}
