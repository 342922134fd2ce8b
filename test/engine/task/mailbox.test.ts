import { expect, test } from 'vitest';
import { TaskMails } from '../../../engine/task/mailbox.ts';

test('mails run in order, those that emit only when there is room, behind the others', () => {
  const mails = new TaskMails();
  const run: string[] = [];
  const note = (name: string) => (): void => void run.push(name);
  mails.postOutput(note('output 1'));
  mails.post(note('mail 1'));
  mails.postOutput(note('output 2'));
  mails.post(note('mail 2'));
  let hasRoom = false;
  const runAll = (): void => {
    while (mails.runNext(() => hasRoom));
  };
  runAll();
  expect(run).toEqual(['mail 1', 'mail 2']);
  hasRoom = true;
  runAll();
  expect(run).toEqual(['mail 1', 'mail 2', 'output 1', 'output 2']);
});

test('a mail that throws is gone', () => {
  const mails = new TaskMails();
  mails.post(() => {
    throw new Error('broken');
  });
  expect(() => mails.runNext(() => true)).toThrow('broken');
  expect(mails.runNext(() => true)).toBe(false);
});
