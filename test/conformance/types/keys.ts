import {
  defaultMaxParallelism as defaultMaxParallelismOf,
  javaHashCode,
  keyGroupOf,
  keyGroupRange as keyGroupRangeOf,
  murmurHash,
  subtaskOfKeyGroup,
} from '../../../state/keyed/key-group.ts';
import type { Key } from '../../../state/keyed/key.ts';
import type { VectorType } from '../observed.ts';

export const keyGroup: VectorType = (_vector, observed) => ({
  step(step) {
    const { key, keyType } = step as unknown as { readonly key: string | number; readonly keyType: string };
    const typed: Key = keyType === 'int64' ? BigInt(key) : key;
    const hash = javaHashCode(typed);
    const group = keyGroupOf(typed, 128);
    observed.assert({
      javaHashCode: hash,
      murmurHash: murmurHash(hash),
      keyGroup128: group,
      keyGroup32768: keyGroupOf(typed, 32_768),
      subtaskOf4: subtaskOfKeyGroup(group, 4, 128),
      subtaskOf3: subtaskOfKeyGroup(group, 3, 128),
    });
  },
});

export const keyGroupRange: VectorType = (_vector, observed) => ({
  step(step) {
    const { maxParallelism, parallelism } = step as unknown as {
      readonly maxParallelism: number;
      readonly parallelism: number;
    };
    const ranges = Array.from({ length: parallelism }, (_, subtaskIndex) => {
      const { start, end } = keyGroupRangeOf(subtaskIndex, parallelism, maxParallelism);
      return [start, end - 1];
    });
    observed.assert({ ranges });
  },
});

export const defaultMaxParallelism: VectorType = (_vector, observed) => ({
  step(step) {
    const { parallelism } = step as unknown as { readonly parallelism: number };
    observed.assert({ maxParallelism: defaultMaxParallelismOf(parallelism) });
  },
});
