/**
 * The parallelism of jobs in tests that do not say one: TIDEMARK_TEST_PARALLELISM, default 1. The same tests must hold at any,
 * but for those that look at the order of rows.
 */
export function testParallelism(): number | undefined {
  const text = process.env['TIDEMARK_TEST_PARALLELISM'];
  return text === undefined || text === '' ? undefined : Number(text);
}
