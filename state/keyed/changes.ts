/** References to entries, with what they are sorted by. */
export class Changes {
  readonly refs: Int32Array;
  readonly hashes: Int32Array;
  readonly keyGroups: Uint16Array;
  count = 0;

  constructor(capacity: number) {
    this.refs = new Int32Array(capacity);
    this.hashes = new Int32Array(capacity);
    this.keyGroups = new Uint16Array(capacity);
  }

  grown(): Changes {
    const larger = new Changes(this.refs.length * 2);
    larger.refs.set(this.refs);
    larger.hashes.set(this.hashes);
    larger.keyGroups.set(this.keyGroups);
    larger.count = this.count;
    return larger;
  }
}
