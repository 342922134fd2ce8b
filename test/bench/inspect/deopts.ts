/** Functions whose optimised code was thrown away, from the output of `--trace-deopt`: the most frequent first. */
export function countDeopts(output: string, root: string): string[] {
  const counts = new Map<string, number>();
  for (const match of output.matchAll(
    /\[bailout \(kind: ([^,]+), reason: ([^)]*)\): begin\. deoptimizing \S+ <JSFunction ([^ >]*)[^\n]*/g,
  )) {
    const [, kind, reason, name] = match;
    if (kind === 'deopt-lazy' && reason === '(unknown)') continue;
    const key = `${name === '' ? 'anonymous' : name}: ${reason} (${kind})`.replaceAll(root, '.');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  if (counts.size === 0) return ['no optimised code was thrown away'];
  return [...counts].toSorted((a, b) => b[1] - a[1]).map(([key, count]) => `${String(count).padStart(5)}  ${key}`);
}
