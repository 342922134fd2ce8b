import { UserError } from '../base/errors.ts';

/** Names a side output. Tags are equal when their ids are. */
export class OutputTag<T> {
  readonly id: string;
  /** Carries the type for inference only; never set. */
  declare readonly _type?: T;

  constructor(id: string) {
    if (typeof id !== 'string' || id === '') {
      throw new UserError('JOB_DEFINITION', `an output tag needs a non-empty id, found ${JSON.stringify(id)}`);
    }
    this.id = id;
  }
}
