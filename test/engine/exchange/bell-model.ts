/*
 * A model of the bell's protocol, in steps of one access to shared memory each: one thread that sleeps, two that publish and
 * ring. `findSleptThrough` walks through every order of their steps.
 */

export type Variant = 'as built' | 'looks before it arms' | 'rings before it publishes';

interface Ringer {
  readonly step: 'publish' | 'load' | 'exchange' | 'notify';
  /** Changes it has still to make, with the current one. */
  readonly left: number;
}

interface World {
  readonly bell: 0 | 1;
  readonly published: number;
  readonly seen: number;
  /** A waiter is registered at the bell. */
  readonly isRegistered: boolean;
  /** The thread knows of a wait under way. */
  readonly isWaiting: boolean;
  /** The wait has ended; the event loop has not told the thread yet. */
  readonly isEnded: boolean;
  readonly sleeper: 'arm' | 'wait' | 'look' | 'disarm' | 'work' | 'asleep';
  /** How often something else still wakes the thread. */
  readonly otherWakes: number;
  readonly ringers: readonly Ringer[];
}

const FIRST: World = {
  bell: 0,
  published: 0,
  seen: 0,
  isRegistered: false,
  isWaiting: false,
  isEnded: false,
  sleeper: 'arm',
  otherWakes: 2,
  ringers: [
    { step: 'publish', left: 3 },
    { step: 'publish', left: 2 },
  ],
};

/** Returns a state in which the thread sleeps for good although there is something it has not seen, and how many states there are. */
export function findSleptThrough(variant: Variant): { readonly stateCount: number; readonly bad: string | undefined } {
  const seen = new Set<string>();
  const open = [variant === 'rings before it publishes' ? ringFirst(FIRST) : FIRST];
  for (let world = open.pop(); world !== undefined; world = open.pop()) {
    const name = JSON.stringify(world);
    if (seen.has(name)) continue;
    seen.add(name);
    const next = [...sleeperSteps(world, variant), ...world.ringers.flatMap((_, i) => ringerSteps(world, i, variant))];
    const goesOnByItself = next.some((after) => after.otherWakes === world.otherWakes);
    if (!goesOnByItself && world.seen < world.published) return { stateCount: seen.size, bad: name };
    open.push(...next);
  }
  return { stateCount: seen.size, bad: undefined };
}

function ringFirst(world: World): World {
  return { ...world, ringers: world.ringers.map((ringer) => ({ ...ringer, step: 'load' })) };
}

function sleeperSteps(world: World, variant: Variant): World[] {
  const isEarly = variant === 'looks before it arms';
  switch (world.sleeper) {
    case 'arm':
      return [{ ...world, bell: 1, sleeper: 'wait' }];
    case 'wait': {
      const sleeper = isEarly ? 'asleep' : 'look';
      if (world.isWaiting) return [{ ...world, sleeper }];
      if (world.bell === 1) return [{ ...world, isWaiting: true, isRegistered: true, sleeper }];
      return [{ ...world, isWaiting: true, isEnded: true, sleeper }];
    }
    case 'look':
      if (world.seen < world.published) return [{ ...world, sleeper: 'disarm' }];
      return [{ ...world, sleeper: isEarly ? 'arm' : 'asleep' }];
    case 'asleep': {
      const woken: World[] = [];
      if (world.isEnded) woken.push({ ...world, isEnded: false, isWaiting: false, sleeper: 'disarm' });
      if (world.otherWakes > 0) woken.push({ ...world, otherWakes: world.otherWakes - 1, sleeper: 'disarm' });
      return woken;
    }
    case 'disarm':
      return [{ ...world, bell: 0, sleeper: 'work' }];
    case 'work':
      return [{ ...world, seen: world.published, sleeper: isEarly ? 'look' : 'arm' }];
  }
}

function ringerSteps(world: World, index: number, variant: Variant): World[] {
  const { step, left } = world.ringers[index]!;
  if (left === 0) return [];
  const to = (ringer: Ringer): readonly Ringer[] => world.ringers.with(index, ringer);
  const isEarly = variant === 'rings before it publishes';
  const rung: Ringer = isEarly ? { step: 'publish', left } : { step: 'publish', left: left - 1 };
  switch (step) {
    case 'publish': {
      const after: Ringer = isEarly ? { step: 'load', left: left - 1 } : { step: 'load', left };
      return [{ ...world, published: world.published + 1, ringers: to(after) }];
    }
    case 'load':
      return [{ ...world, ringers: to(world.bell === 1 ? { step: 'exchange', left } : rung) }];
    case 'exchange':
      if (world.bell === 0) return [{ ...world, ringers: to(rung) }];
      return [{ ...world, bell: 0, ringers: to({ step: 'notify', left }) }];
    case 'notify': {
      const notified = world.isRegistered ? { isRegistered: false, isEnded: true } : {};
      return [{ ...world, ...notified, ringers: to(rung) }];
    }
  }
}
