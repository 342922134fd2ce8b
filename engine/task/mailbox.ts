/**
 * Brings what happens elsewhere (an answer from a server) to the task's thread. Mails run there one at a time, between two
 * steps, in order; none runs after the operator has finished or was closed. What a mail throws fails the task.
 */
export interface Mailbox {
  /** Runs a mail soon, whatever the state of the outputs. It must not emit. */
  post(mail: () => void): void;
  /**
   * Runs a mail that emits: when the outputs have room and the operators behind can take records. For operators that start
   * their chain. Emit about a batch, then post the rest again.
   */
  postOutput(mail: () => void): void;
}

/** The mails of a task. */
export class TaskMails {
  readonly #mails: (() => void)[] = [];
  readonly #outputMails: (() => void)[] = [];

  post(mail: () => void): void {
    this.#mails.push(mail);
  }

  postOutput(mail: () => void): void {
    this.#outputMails.push(mail);
  }

  /** Runs the next mail, if there is one that can run. Returns whether one has run. */
  runNext(canEmit: () => boolean): boolean {
    const mail =
      this.#mails.shift() ?? (this.#outputMails.length > 0 && canEmit() ? this.#outputMails.shift() : undefined);
    mail?.();
    return mail !== undefined;
  }
}
