export const LOOP_QUERIES: readonly string[] = [];
export function isLoopQuery(_query: string): boolean {
  return false;
}
