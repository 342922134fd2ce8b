/* kafkajs' own codec of record batches: the oracle of ours. */

declare module 'kafkajs/src/protocol/decoder.js' {
  export default class Decoder {
    constructor(bytes: Buffer);
  }
}

declare module 'kafkajs/src/protocol/recordBatch/v0/decoder.js' {
  import type Decoder from 'kafkajs/src/protocol/decoder.js';
  export default function decodeBatch(decoder: Decoder): Promise<{
    readonly records: readonly {
      readonly offset: string;
      readonly timestamp: string;
      readonly key: Buffer | null;
      readonly value: Buffer | null;
      readonly headers: Readonly<Record<string, Buffer>>;
    }[];
  }>;
}

declare module 'kafkajs/src/protocol/recordBatch/v0/index.js' {
  const codec: {
    RecordBatch(options: {
      readonly records: readonly unknown[];
      readonly firstTimestamp: number;
      readonly maxTimestamp: number;
      readonly lastOffsetDelta: number;
      readonly compression?: number;
    }): Promise<{ readonly buffer: Buffer }>;
  };
  export default codec;
}

declare module 'kafkajs/src/protocol/recordBatch/record/v0/index.js' {
  export default function encodeRecord(record: {
    readonly offsetDelta: number;
    readonly timestampDelta: number;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, Buffer>>;
  }): unknown;
}

declare module 'kafkajs/src/producer/partitioners/default/murmur2.js' {
  export default function murmur2(key: Buffer): number;
}
