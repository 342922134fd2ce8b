import { keyTextOf } from '../keyed/create-slot-codec.ts';
import { LargeList } from '../keyed/large-list.ts';
import type { LargeMap } from '../keyed/large-map.ts';
import { NamespaceMap } from '../keyed/namespace-map.ts';
import { MapEntry } from '../keyed/slot-codec.ts';
import { Stamped, UNSTAMPED_MS } from '../keyed/stamped.ts';
import type { StateDescriptor } from '../keyed/state.ts';
import type { Namespace } from '../keyed/key.ts';
import type { Schema } from '../schema/schema.ts';
import type { WrittenAt } from './keyed-entry.ts';

/** Turns what a page's slot of one state holds into plain values, and back. */
export class ContentConverter {
  readonly #descriptor: StateDescriptor;
  readonly #keyText: ((key: unknown) => string) | undefined;
  readonly #isAlive: (timestampMs: number) => boolean;

  /** @param isAlive whether what was written then is read; default: all is. Time-to-live only. */
  constructor(descriptor: StateDescriptor, isAlive: (timestampMs: number) => boolean = () => true) {
    this.#descriptor = descriptor;
    this.#isAlive = isAlive;
    this.#keyText = descriptor.kind === 'map' ? keyTextOf(descriptor.keySchema as Schema<unknown>) : undefined;
  }

  /** Contents as in `ContentsOf`; undefined when nothing of them is alive. */
  read(slot: unknown): unknown {
    if (!(slot instanceof NamespaceMap)) return this.#read(slot);
    const contents = byNamespace(slot, (content) => this.#read(content));
    return contents.size === 0 ? undefined : contents;
  }

  /** The times of what is read. Time-to-live only. */
  readTimes(slot: unknown): WrittenAt {
    if (slot instanceof NamespaceMap) return byNamespace(slot, (content) => this.#readTimes(content)) as WrittenAt;
    return this.#readTimes(slot);
  }

  /** A slot of contents; undefined when they are empty. */
  write(contents: unknown, times: WrittenAt): unknown {
    if (contents === undefined || contents === null) return undefined;
    if (this.#descriptor.isNamespaced !== true) return this.#write(contents, times);
    const slot = new NamespaceMap();
    for (const [namespace, content] of contents as ReadonlyMap<Namespace, unknown>) {
      const written = this.#write(content, (times as ReadonlyMap<unknown, WrittenAt> | undefined)?.get(namespace));
      if (written !== undefined) slot.set(namespace, written);
    }
    return slot.size === 0 ? undefined : slot;
  }

  #read(content: unknown): unknown {
    switch (this.#descriptor.kind) {
      case 'list': {
        const elements = elementsOf(content).filter((element) => this.#isRead(element));
        return elements.length === 0 ? undefined : elements.map(valueOf);
      }
      case 'map': {
        const entries = new Map<unknown, unknown>();
        for (const [mapKey, entry] of content as Map<unknown, unknown> | LargeMap) {
          const value = entry instanceof MapEntry ? entry.value : entry;
          if (this.#isRead(value)) entries.set(entry instanceof MapEntry ? entry.key : mapKey, valueOf(value));
        }
        return entries.size === 0 ? undefined : entries;
      }
      default:
        return this.#isRead(content) ? valueOf(content) : undefined;
    }
  }

  #isRead(content: unknown): boolean {
    return !(content instanceof Stamped) || this.#isAlive(content.timestampMs);
  }

  #readTimes(content: unknown): WrittenAt {
    switch (this.#descriptor.kind) {
      case 'list':
        return elementsOf(content).map(timeOf);
      case 'map': {
        const times = new Map<unknown, number | undefined>();
        for (const [key, entry] of content as Map<unknown, unknown> | LargeMap)
          times.set(
            entry instanceof MapEntry ? entry.key : key,
            timeOf(entry instanceof MapEntry ? entry.value : entry),
          );
        return times;
      }
      default:
        return timeOf(content);
    }
  }

  #write(content: unknown, times: WrittenAt): unknown {
    switch (this.#descriptor.kind) {
      case 'list': {
        const elements = content as readonly unknown[];
        if (elements.length === 0) return undefined;
        return elements.map((element, i) => this.#stamp(element, (times as readonly number[] | undefined)?.[i]));
      }
      case 'map': {
        const entries = content as ReadonlyMap<unknown, unknown>;
        if (entries.size === 0) return undefined;
        const timeByKey = this.#timesByMapKey(times as ReadonlyMap<unknown, number> | undefined);
        const slot = new Map<unknown, unknown>();
        for (const [key, value] of entries) {
          const mapKey = this.#mapKey(key);
          const stamped = this.#stamp(value, timeByKey?.get(mapKey));
          slot.set(mapKey, this.#keyText === undefined ? stamped : new MapEntry(key, stamped));
        }
        return slot;
      }
      default:
        return this.#stamp(content, times as number | undefined);
    }
  }

  #mapKey(key: unknown): unknown {
    return this.#keyText === undefined ? key : this.#keyText(key);
  }

  /** Keys that are objects are found by their value. */
  #timesByMapKey(times: ReadonlyMap<unknown, number> | undefined): ReadonlyMap<unknown, number> | undefined {
    if (times === undefined || this.#keyText === undefined) return times;
    return new Map([...times].map(([key, time]) => [this.#mapKey(key), time]));
  }

  #stamp(value: unknown, timeMs: number | undefined): unknown {
    return this.#descriptor.ttl === undefined ? value : new Stamped(value, timeMs ?? UNSTAMPED_MS);
  }
}

/** Namespaces of which nothing is read are left out. */
function byNamespace(slot: NamespaceMap, read: (content: unknown) => unknown): Map<Namespace, unknown> {
  const found = new Map<Namespace, unknown>();
  for (let i = 0; i < slot.size; i++) {
    const content = read(slot.contentAt(i));
    if (content !== undefined) found.set(slot.namespaceAt(i), content);
  }
  return found;
}

function elementsOf(content: unknown): readonly unknown[] {
  return content instanceof LargeList ? content.toArray() : (content as readonly unknown[]);
}

function valueOf(content: unknown): unknown {
  return content instanceof Stamped ? content.value : content;
}

function timeOf(content: unknown): number | undefined {
  const { timestampMs } = content as Stamped;
  return timestampMs === UNSTAMPED_MS ? undefined : timestampMs;
}
