/**
 * Gives equal strings one small number, counting how often each is in use: tables keyed by addresses then hold
 * four bytes an address, and a string lives no longer than its last user. Number 0 is never given.
 */
export class StringPool {
  readonly #numbers = new Map<string, number>();
  readonly #strings: string[] = [''];
  readonly #uses: number[] = [0];
  readonly #free: number[] = [];

  /** How many different strings are in use. */
  get size(): number {
    return this.#numbers.size;
  }

  /** The string's number, counted as one more use. */
  take(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) {
      this.#uses[known]!++;
      return known;
    }
    const number = this.#free.pop() ?? this.#strings.length;
    this.#strings[number] = text;
    this.#uses[number] = 1;
    this.#numbers.set(text, number);
    return number;
  }

  /** The number of a string in use, 0 if it is not. */
  find(text: string): number {
    return this.#numbers.get(text) ?? 0;
  }

  get(number: number): string {
    return this.#strings[number]!;
  }

  /** Ends one use. */
  release(number: number): void {
    if (--this.#uses[number]! > 0) return;
    this.#numbers.delete(this.#strings[number]!);
    this.#strings[number] = '';
    this.#free.push(number);
  }
}
