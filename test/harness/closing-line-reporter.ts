import type { Reporter, SerializedError, TestModule, TestRunEndReason } from 'vitest/node';

/**
 * Prints `N passed, N failed` (and `, N skipped` if there are any) alone on the last line of a run.
 *
 * A file that could not be loaded, an error outside all tests and a run that was cut off each count as one failure, so
 * that the line never looks better than the exit code.
 */
export default class ClosingLineReporter implements Reporter {
  #line = '';

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        // A test still pending when the run ended never had its say: that is no success.
        counts[state === 'pending' ? 'failed' : state]++;
      }
      const isBroken = module.state() === 'failed';
      const hasFailedTest = !module.children.allTests('failed').next().done;
      if (isBroken && !hasFailedTest) counts.failed++;
    }
    if (reason === 'interrupted' && counts.failed === 0) counts.failed++;
    this.#line = `${counts.passed} passed, ${counts.failed} failed`;
    if (counts.skipped > 0) this.#line += `, ${counts.skipped} skipped`;
    // At exit, because the default reporter prints its own summary after this call.
    process.once('exit', () => console.log(this.#line));
  }
}
