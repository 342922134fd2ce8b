import type { Collector } from '../../../operators/process/collector.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import { listState, valueState } from '../../../operators/process/state-spec.ts';
import { pick, record } from '../../../state/schema/record.ts';
import { long } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { Person } from '../schemas.ts';
import type { EventOf } from '../source/event-schemas.ts';
import { defineQuery } from './query.ts';

const CATEGORY = 10;
const STATES = new Set(['OR', 'ID', 'CA']);

const { name, city, state } = Person.fields;
const Row = record('Q3', { name, city, state, id: long() });
type Row = Infer<typeof Row>;
type Event = EventOf<'id' | 'name' | 'city' | 'state', 'id' | 'seller' | 'category', never>;

/** Persons have one id each, so auctions wait only until theirs is there. */
const joinSellers = defineProcess({
  uid: 'sellers',
  state: { seller: valueState(pick(Person, ['name', 'city', 'state'])), waiting: listState(long()) },
  processElement(event: Event, { state: { seller, waiting } }, out: Collector<Row>) {
    if (event.type === 'auction') {
      const person = seller.value();
      if (person === undefined) waiting.add(event.id);
      else out.collect({ name: person.name, city: person.city, state: person.state, id: event.id });
      return;
    }
    seller.update({ name: event.name, city: event.city, state: event.state });
    for (const id of waiting.get()) out.collect({ name: event.name, city: event.city, state: event.state, id });
    waiting.clear();
  },
});

/** Who sells in some category and lives in some states. */
export const q3 = defineQuery({
  result: Row,
  build: ({ input }) =>
    input
      .events({ person: ['id', 'name', 'city', 'state'], auction: ['id', 'seller', 'category'] })
      .filter((event) => (event.type === 'auction' ? event.category === CATEGORY : STATES.has(event.state)))
      .keyBy((event) => (event.type === 'auction' ? event.seller : event.id))
      .process(joinSellers),
});
