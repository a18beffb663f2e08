// A file of a stranger may hold any amount of text, and a small one may inflate to gigabytes. One allowance goes
// through the reading of one file, so that many small carriers cost no more than one large.

const MOST_TEXT_BYTES = 2 * 1024 * 1024;
const MOST_INFLATED_BYTES = 16 * 1024 * 1024;
const MOST_ALL_TEXT_BYTES = 8 * 1024 * 1024;
const MOST_PROBLEMS = 50;

export class Allowance {
  inflatedBytesLeft = MOST_INFLATED_BYTES;
  readonly problems: string[] = [];
  #textBytesLeft = MOST_ALL_TEXT_BYTES;

  takeInflated(bytes: number): void {
    this.inflatedBytesLeft = Math.max(0, this.inflatedBytesLeft - bytes);
  }

  /** Whether a text of this length may be read; notes a refusal. */
  takeText(key: string, bytes: number): boolean {
    if (bytes > MOST_TEXT_BYTES || bytes > this.#textBytesLeft) {
      this.note(`${key}: longer than ${MOST_TEXT_BYTES} bytes, left out`);
      return false;
    }
    this.#textBytesLeft -= bytes;
    return true;
  }

  note(problem: string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(problem.slice(0, 200));
  }
}
