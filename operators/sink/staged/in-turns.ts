/**
 * Runs an asynchronous function over items, at most `parallelCount` at a time, results in the items' order. After a
 * failure no further item is begun; those under way are waited for, then the first failure is thrown.
 */
export async function inTurns<I, O>(
  items: readonly I[],
  parallelCount: number,
  run: (item: I) => Promise<O>,
): Promise<O[]> {
  const results: O[] = [];
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    while (failure === undefined && next < items.length) {
      const index = next++;
      try {
        results[index] = await run(items[index]!);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelCount, items.length) }, lane));
  if (failure !== undefined) throw failure.error;
  return results;
}
