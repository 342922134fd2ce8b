import type { Collector } from '../../../operators/process/collector.ts';
import type { AggregateFunction } from '../../../operators/process/state-spec.ts';
import { TumblingEventTimeWindows } from '../../../operators/window/fixed-windows.ts';
import { defineWindowFunction } from '../../../operators/window/window-function.ts';
import { array } from '../../../state/schema/collections.ts';
import { record } from '../../../state/schema/record.ts';
import { boolean, string, timestampMs } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { Person } from '../schemas.ts';
import type { EventOf } from '../source/event-schemas.ts';
import { defineQuery } from './query.ts';

const { id, name } = Person.fields;
const Row = record('Q8', { id, name, windowStart: timestampMs() });
type Row = Infer<typeof Row>;
type Event = EventOf<'id' | 'name', 'seller', never>;

const Seen = record('Seen', { names: array(string()), isSelling: boolean() });
type Seen = Infer<typeof Seen>;

/** The names that an id came with, and whether it sells. */
const SEEN: AggregateFunction<Event, Seen, Seen> = {
  accumulatorSchema: Seen,
  createAccumulator: () => ({ names: [], isSelling: false }),
  add(seen, event) {
    if (event.type === 'auction') return seen.isSelling ? seen : { names: seen.names, isSelling: true };
    if (seen.names.includes(event.name)) return seen;
    return { names: [...seen.names, event.name], isSelling: seen.isSelling };
  },
  getResult: (seen) => seen,
  merge: (a, b) => ({ names: [...new Set([...a.names, ...b.names])], isSelling: a.isSelling || b.isSelling }),
};

/** Who came and sold something within the same 10 seconds. */
export const q8 = defineQuery({
  result: Row,
  build: ({ input }) =>
    input
      .events({ person: ['id', 'name'], auction: ['seller'] })
      .keyBy((event) => (event.type === 'auction' ? event.seller : event.id))
      .window(TumblingEventTimeWindows.of('10s'))
      .aggregate(
        SEEN,
        defineWindowFunction<Seen, Row>({
          process(key, { window }, [seen], out: Collector<Row>) {
            if (!seen!.isSelling) return;
            for (const personName of seen!.names)
              out.collect({ id: key as number, name: personName, windowStart: window.startMs });
          },
        }),
        { uid: 'new-sellers' },
      ),
});
