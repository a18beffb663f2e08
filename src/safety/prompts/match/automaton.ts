/**
 * Aho and Corasick (1975): one pass over a text finds every pattern in it, however many there are. States are rows of
 * typed arrays; the children of a state are a list of siblings, and those of the root a table.
 */
export class Automaton {
  readonly #root = new Int32Array(65_536);
  readonly #char: number[] = [0];
  readonly #child: number[] = [0];
  readonly #sibling: number[] = [0];
  readonly #fail: number[] = [0];
  /** Index of the pattern that ends in a state; -1 is none. */
  readonly #output: number[] = [-1];
  /** The nearest state along the failures in which a pattern ends. */
  readonly #shorter: number[] = [0];

  constructor(patterns: readonly string[]) {
    for (const [index, pattern] of patterns.entries()) this.#add(pattern, index);
    this.#link();
  }

  /** Tells each occurrence: the pattern and where it ends (exclusive). */
  scan(text: string, found: (pattern: number, end: number) => void): void {
    let state = 0;
    for (let n = 0; n < text.length; n += 1) {
      const code = text.charCodeAt(n);
      let next = this.#step(state, code);
      while (next === 0 && state !== 0) {
        state = this.#fail[state] ?? 0;
        next = this.#step(state, code);
      }
      state = next;
      for (let at = state; at !== 0; at = this.#shorter[at] ?? 0) {
        const pattern = this.#output[at] ?? -1;
        if (pattern >= 0) found(pattern, n + 1);
      }
    }
  }

  #step(state: number, code: number): number {
    if (state === 0) return this.#root[code] ?? 0;
    let child = this.#child[state] ?? 0;
    while (child !== 0 && this.#char[child] !== code) child = this.#sibling[child] ?? 0;
    return child;
  }

  #add(pattern: string, index: number): void {
    let state = 0;
    for (let n = 0; n < pattern.length; n += 1) {
      const code = pattern.charCodeAt(n);
      let next = this.#step(state, code);
      if (next === 0) {
        next = this.#char.push(code) - 1;
        this.#child.push(0);
        this.#fail.push(0);
        this.#output.push(-1);
        this.#shorter.push(0);
        this.#sibling.push(this.#child[state] ?? 0);
        this.#child[state] = next;
        if (state === 0) this.#root[code] = next;
      }
      state = next;
    }
    this.#output[state] = index;
  }

  /** Breadth first: a failure leads to a state that is nearer to the root. */
  #link(): void {
    let level: number[] = [];
    for (let child = this.#child[0] ?? 0; child !== 0; child = this.#sibling[child] ?? 0) level.push(child);
    while (level.length > 0) {
      const deeper: number[] = [];
      for (const state of level) {
        for (let child = this.#child[state] ?? 0; child !== 0; child = this.#sibling[child] ?? 0) {
          const code = this.#char[child] ?? 0;
          let back = this.#fail[state] ?? 0;
          while (back !== 0 && this.#step(back, code) === 0) back = this.#fail[back] ?? 0;
          const fail = this.#step(back, code);
          this.#fail[child] = fail;
          this.#shorter[child] = (this.#output[fail] ?? -1) >= 0 ? fail : (this.#shorter[fail] ?? 0);
          deeper.push(child);
        }
      }
      level = deeper;
    }
  }
}
