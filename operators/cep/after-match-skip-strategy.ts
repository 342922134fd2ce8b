/**
 * What becomes, once a match has come out, of the other partial matches that share records with it.
 *
 *     Pattern.begin<Click>('first', AfterMatchSkipStrategy.skipPastLastEvent())
 */
export class AfterMatchSkipStrategy {
  readonly kind: 'noSkip' | 'skipToNext' | 'skipPastLastEvent' | 'skipToFirst' | 'skipToLast';
  /** The stage that is skipped to. */
  readonly stageName: string | undefined;
  /** Whether it is an error when a match has no record for that stage, or when it is the match's first record. */
  readonly throwsOnMiss: boolean;

  private constructor(kind: AfterMatchSkipStrategy['kind'], stageName?: string, throwsOnMiss = false) {
    this.kind = kind;
    this.stageName = stageName;
    this.throwsOnMiss = throwsOnMiss;
  }

  /** Every match comes out. The default. */
  static noSkip(): AfterMatchSkipStrategy {
    return new AfterMatchSkipStrategy('noSkip');
  }

  /** Drops partial matches that began with the same record as the match. */
  static skipToNext(): AfterMatchSkipStrategy {
    return new AfterMatchSkipStrategy('skipToNext');
  }

  /** Drops partial matches that began before the match ended. */
  static skipPastLastEvent(): AfterMatchSkipStrategy {
    return new AfterMatchSkipStrategy('skipPastLastEvent');
  }

  /** Drops partial matches that began before the match's first record for this stage. */
  static skipToFirst(stageName: string): AfterMatchSkipStrategy {
    return new AfterMatchSkipStrategy('skipToFirst', stageName);
  }

  /** Drops partial matches that began before the match's last record for this stage. */
  static skipToLast(stageName: string): AfterMatchSkipStrategy {
    return new AfterMatchSkipStrategy('skipToLast', stageName);
  }

  /** For skipToFirst and skipToLast: fails the job instead of not skipping. Default: does not skip. */
  throwExceptionOnMiss(): AfterMatchSkipStrategy {
    return new AfterMatchSkipStrategy(this.kind, this.stageName, this.stageName !== undefined);
  }
}
