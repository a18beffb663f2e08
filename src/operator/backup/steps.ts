const EVERY_MS = 2_000;

/** Counts what is done of a long work, and says so now and then. */
export class Steps {
  count = 0;
  bytes = 0;
  readonly #allCount: number;
  readonly #allBytes: number;
  readonly #say: (text: string) => void;
  #saidAt = performance.now();

  constructor(allCount: number, allBytes: number, say: (text: string) => void) {
    this.#allCount = allCount;
    this.#allBytes = allBytes;
    this.#say = say;
  }

  done(bytes: number): void {
    this.count += 1;
    this.bytes += bytes;
    if (performance.now() - this.#saidAt < EVERY_MS) return;
    this.#saidAt = performance.now();
    const percent = this.#allBytes > 0 ? Math.floor((this.bytes / this.#allBytes) * 100) : 100;
    this.#say(`${this.count} of ${this.#allCount} files, ${this.bytes} of ${this.#allBytes} bytes (${percent} %)`);
  }
}
