const FIRST_CAPACITY = 256;
/** Numbers below this are never IPv4 addresses: 0.0.0.0/8 is "this network" (RFC 1122), and no connection has it. */
const MAX_ADDRESSES = 2 ** 24;

/**
 * IPv6 addresses, each once, under a number of four bytes, counted how often each is in use: a pod's address is in
 * thousands of flows. Number 0 is never given.
 */
export class AddressPool {
  /** Four words an address. */
  #words = new Uint32Array(FIRST_CAPACITY * 4);
  #uses = new Uint32Array(FIRST_CAPACITY);
  /** A hash chain, or of free numbers the next free one; 0 is the end. */
  #next = new Uint32Array(FIRST_CAPACITY);
  #heads = new Uint32Array(FIRST_CAPACITY);
  #used = 1;
  #free = 0;

  /** The number of the address at `words[at]`; 0 if it is not in use. */
  find(words: Uint32Array, at: number): number {
    let number = this.#heads[this.#bucketOf(words, at)]!;
    while (number !== 0) {
      const own = number * 4;
      const w = this.#words;
      if (
        w[own] === words[at] &&
        w[own + 1] === words[at + 1] &&
        w[own + 2] === words[at + 2] &&
        w[own + 3] === words[at + 3]
      ) {
        return number;
      }
      number = this.#next[number]!;
    }
    return 0;
  }

  /** Its number, counted as one more use; 0 if there is no room for another address. */
  take(words: Uint32Array, at: number): number {
    const known = this.find(words, at);
    if (known !== 0) {
      this.#uses[known]!++;
      return known;
    }
    const number = this.#newNumber();
    if (number === 0) return 0;
    for (let i = 0; i < 4; i++) this.#words[number * 4 + i] = words[at + i]!;
    this.#uses[number] = 1;
    this.#link(number);
    return number;
  }

  /** Ends one use. */
  release(number: number): void {
    if (number === 0 || --this.#uses[number]! > 0) return;
    const bucket = this.#bucketOf(this.#words, number * 4);
    let before = this.#heads[bucket]!;
    if (before === number) this.#heads[bucket] = this.#next[number]!;
    else {
      while (this.#next[before] !== number) before = this.#next[before]!;
      this.#next[before] = this.#next[number]!;
    }
    this.#next[number] = this.#free;
    this.#free = number;
  }

  /** Copies the address of a number to `into[at]`. */
  copy(number: number, into: Uint32Array, at: number): void {
    for (let i = 0; i < 4; i++) into[at + i] = this.#words[number * 4 + i]!;
  }

  #newNumber(): number {
    if (this.#free !== 0) {
      const number = this.#free;
      this.#free = this.#next[number]!;
      return number;
    }
    if (this.#used === this.#uses.length && !this.#grow()) return 0;
    return this.#used++;
  }

  #grow(): boolean {
    const capacity = this.#uses.length * 2;
    if (capacity > MAX_ADDRESSES) return false;
    const grown = (old: Uint32Array, length: number) => {
      const array = new Uint32Array(length);
      array.set(old);
      return array;
    };
    this.#words = grown(this.#words, capacity * 4);
    this.#uses = grown(this.#uses, capacity);
    this.#next = new Uint32Array(capacity);
    this.#heads = new Uint32Array(capacity);
    // Only called when no number is free, so all are in a chain.
    for (let number = 1; number < this.#used; number++) this.#link(number);
    return true;
  }

  #link(number: number): void {
    const bucket = this.#bucketOf(this.#words, number * 4);
    this.#next[number] = this.#heads[bucket]!;
    this.#heads[bucket] = number;
  }

  #bucketOf(words: Uint32Array, at: number): number {
    let h = Math.imul(words[at]!, 0x9e3779b1) ^ Math.imul(words[at + 1]!, 0x85ebca77);
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae3d) ^ Math.imul(words[at + 2]!, 0x27d4eb2f);
    h = Math.imul(h ^ (h >>> 13), 0x165667b1) ^ words[at + 3]!;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    return (h ^ (h >>> 13)) & (this.#heads.length - 1);
  }
}
