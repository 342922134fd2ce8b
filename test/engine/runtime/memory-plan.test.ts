import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planMemory, planOfCache } from '../../../engine/runtime/memory-plan.ts';

const MB = 1024 ** 2;

test('the parts of a plan are all of the memory, and grow with it', () => {
  const property = fc.property(
    fc.integer({ min: 700, max: 100_000 }),
    fc.integer({ min: 1, max: 64 }),
    (mb, threads) => {
      let plan;
      try {
        plan = planMemory(mb * MB, threads);
      } catch (error) {
        expect((error as Error).message).toMatch(/^--memory: expected at least \d+MB for \d+ threads?, found \d+MB$/);
        return;
      }
      const parts = plan.processBytes + plan.cacheBytes + plan.snapshotBytes + plan.storeBytes;
      expect(plan.totalBytes).toBe(mb * MB);
      expect(Math.abs(parts - plan.totalBytes)).toBeLessThan(2);
      expect(planMemory((mb + 1) * MB, threads).cacheBytes).toBeGreaterThanOrEqual(plan.cacheBytes);
      expect(Math.abs(planOfCache(plan.cacheBytes, threads).totalBytes / plan.totalBytes - 1)).toBeLessThan(0.2);
    },
  );
  fc.assert(property);
});

test('too little memory is refused with what is needed', () => {
  expect(() => planMemory(300 * MB, 1)).toThrow('--memory: expected at least 659MB for 1 thread, found 300MB');
  expect(planMemory(690 * MB, 1).cacheBytes).toBeGreaterThanOrEqual(16 * MB);
});
