/**
 * A chained hash index over one tuple of a table that keeps its rows in typed arrays: the original tuple's
 * columns begin at 0 within a row of four, the reply tuple's at 2. Holds row numbers only; of rows with equal
 * keys it finds the one added last.
 */
export class TupleIndex {
  readonly #ips: Uint32Array;
  readonly #ports: Uint16Array;
  readonly #zones: Uint16Array;
  readonly #at: number;
  readonly #mask: number;
  /** Row + 1; 0 is the end. So fresh zero pages are an empty index and cost no memory. */
  readonly #heads: Uint32Array;
  readonly #next: Uint32Array;

  /**
   * Of buckets, four bytes each and soon all in use, there are at least as many as rows when full; `dense`: a third to
   * two thirds of that.
   */
  constructor(
    capacity: number,
    ips: Uint32Array,
    ports: Uint16Array,
    zones: Uint16Array,
    at: 0 | 2,
    dense = false,
  ) {
    const power = dense ? Math.floor(Math.log2((capacity * 2) / 3)) : Math.ceil(Math.log2(capacity));
    const buckets = 2 ** Math.max(1, power);
    this.#ips = ips;
    this.#ports = ports;
    this.#zones = zones;
    this.#at = at;
    this.#mask = buckets - 1;
    this.#heads = new Uint32Array(buckets);
    this.#next = new Uint32Array(capacity);
  }

  add(row: number): void {
    const bucket = this.#bucketOf(row);
    this.#next[row] = this.#heads[bucket]!;
    this.#heads[bucket] = row + 1;
  }

  /** The row must have been added and its columns must not have changed since. */
  remove(row: number): void {
    const bucket = this.#bucketOf(row);
    if (this.#heads[bucket] === row + 1) {
      this.#heads[bucket] = this.#next[row]!;
      return;
    }
    let before = this.#heads[bucket]!;
    while (before !== 0 && this.#next[before - 1] !== row + 1) before = this.#next[before - 1]!;
    if (before !== 0) this.#next[before - 1] = this.#next[row]!;
  }

  find(zone: number, src: number, sport: number, dst: number, dport: number): number | undefined {
    let link = this.#heads[hash(zone, src, sport, dst, dport) & this.#mask]!;
    while (link !== 0) {
      const row = link - 1;
      const i = row * 4 + this.#at;
      if (
        this.#ips[i] === src &&
        this.#ips[i + 1] === dst &&
        this.#ports[i] === sport &&
        this.#ports[i + 1] === dport &&
        this.#zones[row] === zone
      ) {
        return row;
      }
      link = this.#next[row]!;
    }
    return undefined;
  }

  #bucketOf(row: number): number {
    const i = row * 4 + this.#at;
    const [src, dst] = [this.#ips[i]!, this.#ips[i + 1]!];
    return hash(this.#zones[row]!, src, this.#ports[i]!, dst, this.#ports[i + 1]!) & this.#mask;
  }
}

/** Multiply and mix (the finalizer of MurmurHash3), so that neighbouring ports and addresses spread. */
function hash(zone: number, src: number, sport: number, dst: number, dport: number): number {
  let h = Math.imul(src, 0x9e3779b1) ^ Math.imul(dst, 0x85ebca77);
  h = Math.imul(h ^ ((sport << 16) | dport), 0xc2b2ae3d) ^ zone;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
