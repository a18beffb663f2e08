import { AppError } from '../../kit/errors.ts';

/**
 * A pickle is a program for a stack machine, and loading one runs it. This reads the program without running it: the
 * stack holds only what is needed to know which names are imported (Python's Lib/pickletools.py lists the opcodes).
 * Anything that cannot be followed exactly is refused, because guessing is how other scanners were passed.
 */
export interface PickleProgram {
  /** `module name`, each once. */
  readonly imports: readonly string[];
  /** Offset after STOP. */
  readonly endBytes: number;
}

type Item = { readonly text: string } | 'mark' | 'other';

const MAX_OPCODES = 5_000_000;
const MAX_STACK = 1_000_000;
const MAX_IMPORTS = 1_000;
const MAX_TEXT_BYTES = 4_096;
const OTHER = 'other';

/** Opcodes without argument: how many items they take, and give. */
const PLAIN: Readonly<Record<string, readonly [number, number]>> = {
  ...{ N: [0, 1], '\x88': [0, 1], '\x89': [0, 1], ']': [0, 1], '}': [0, 1], ')': [0, 1], '\x8f': [0, 1] },
  ...{ '\x85': [1, 1], '\x86': [2, 1], '\x87': [3, 1], a: [2, 1], s: [3, 1], R: [2, 1], b: [2, 1] },
  ...{ '\x81': [2, 1], '\x92': [3, 1], Q: [1, 1], '0': [1, 0] },
};

/** Opcodes that take everything down to the mark, then so many items more, and give one. */
const TO_MARK: Readonly<Record<string, number>> = { t: 0, l: 0, d: 0, e: 1, u: 1, '\x90': 1, '\x91': 0, o: 0 };

/** Bytes of arguments that push something of no interest. */
const FIXED: Readonly<Record<string, number>> = { J: 4, K: 1, M: 2, G: 8 };

/** Bytes of the length before an argument, by opcode; the texts among them may be names. */
const COUNTED: Readonly<Record<string, number>> = {
  '\x8a': 1,
  '\x8b': 4,
  T: 4,
  U: 1,
  B: 4,
  C: 1,
  '\x8e': 8,
  '\x96': 8,
};
const TEXTS: Readonly<Record<string, number>> = { X: 4, '\x8c': 1, '\x8d': 8 };

/** Throws `invalid` when the program cannot be followed to its end. */
export function readPickle(bytes: Buffer, startBytes: number): PickleProgram {
  return new Machine(bytes, startBytes).run();
}

class Machine {
  private readonly bytes: Buffer;
  private readonly stack: Item[] = [];
  private readonly memo = new Map<number, Item>();
  private readonly imports = new Set<string>();
  private at: number;

  constructor(bytes: Buffer, startBytes: number) {
    this.bytes = bytes;
    this.at = startBytes;
  }

  run(): PickleProgram {
    for (let opcodes = 0; opcodes < MAX_OPCODES; opcodes += 1) {
      const opcode = String.fromCharCode(this.number(1));
      if (opcode === '.') {
        this.pop();
        return { imports: [...this.imports], endBytes: this.at };
      }
      this.step(opcode);
      if (this.stack.length > MAX_STACK || this.imports.size > MAX_IMPORTS) throw broken('is too large');
    }
    throw broken('is too long');
  }

  private step(opcode: string): void {
    const plain = PLAIN[opcode];
    const toMark = TO_MARK[opcode];
    const fixed = FIXED[opcode];
    const counted = COUNTED[opcode];
    const text = TEXTS[opcode];
    if (plain) this.replace(plain[0], plain[1]);
    else if (toMark !== undefined) this.replaceToMark(toMark);
    else if (fixed !== undefined) this.push(OTHER, this.skip(fixed));
    else if (counted !== undefined) this.push(OTHER, this.skip(this.number(counted)));
    else if (text !== undefined) this.pushText(this.number(text));
    else this.stepRare(opcode);
  }

  private stepRare(opcode: string): void {
    if (opcode === '(') this.stack.push('mark');
    else if (opcode === '\x80') this.skip(1);
    else if (opcode === '\x95') this.skip(8);
    else if ('ILFSP'.includes(opcode)) this.push(OTHER, this.line());
    else if (opcode === 'V') this.pushLine();
    else if (opcode === '1') this.popToMark();
    else if (opcode === '2') this.stack.push(this.top());
    else if (opcode === '\x94') this.memo.set(this.memo.size, this.top());
    else if (opcode === 'p') this.memo.set(this.lineNumber(), this.top());
    else if (opcode === 'q') this.memo.set(this.number(1), this.top());
    else if (opcode === 'r') this.memo.set(this.number(4), this.top());
    else if (opcode === 'g') this.recall(this.lineNumber());
    else if (opcode === 'h') this.recall(this.number(1));
    else if (opcode === 'j') this.recall(this.number(4));
    else this.stepImport(opcode);
  }

  private stepImport(opcode: string): void {
    if (opcode === 'c' || opcode === 'i') {
      this.imports.add(`${this.line()} ${this.line()}`);
      if (opcode === 'i') this.popToMark();
      this.stack.push(OTHER);
    } else if (opcode === '\x93') {
      const [name, module] = [this.pop(), this.pop()];
      if (typeof name !== 'object' || typeof module !== 'object') throw broken('imports a name that it computes');
      this.imports.add(`${module.text} ${name.text}`);
      this.stack.push(OTHER);
    } else throw broken(`has the unusual opcode 0x${opcode.charCodeAt(0).toString(16)}`); // extensions, outside buffers
  }

  private replace(takes: number, gives: number): void {
    for (let taken = 0; taken < takes; taken += 1) this.pop();
    for (let given = 0; given < gives; given += 1) this.stack.push(OTHER);
  }

  private replaceToMark(below: number): void {
    this.popToMark();
    this.replace(below, 1);
  }

  private popToMark(): void {
    while (this.stack.length > 0) if (this.stack.pop() === 'mark') return;
    throw broken('takes more than it has');
  }

  private pop(): Item {
    const item = this.top();
    this.stack.pop();
    return item;
  }

  private top(): Item {
    const item = this.stack.at(-1);
    if (item === undefined || item === 'mark') throw broken('takes more than it has');
    return item;
  }

  private recall(index: number): void {
    const item = this.memo.get(index);
    if (item === undefined) throw broken('recalls what it never kept');
    this.stack.push(item);
  }

  /** The argument was read or skipped in the making of the second parameter. */
  private push(item: Item, _argument: unknown): void {
    this.stack.push(item);
  }

  private pushText(lengthBytes: number): void {
    const start = this.at;
    this.skip(lengthBytes);
    this.stack.push(lengthBytes > MAX_TEXT_BYTES ? OTHER : { text: this.bytes.toString('utf8', start, this.at) });
  }

  /** UNICODE is raw-unicode-escape: with a backslash it may mean another text than it shows. */
  private pushLine(): void {
    const text = this.line();
    this.stack.push(text.includes('\\') || text.length > MAX_TEXT_BYTES ? OTHER : { text });
  }

  private lineNumber(): number {
    const line = this.line();
    if (!/^\d{1,10}$/.test(line)) throw broken('numbers its memory oddly');
    return Number(line);
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw broken('is cut short');
    const line = this.bytes.toString('utf8', this.at, Math.min(end, this.at + MAX_TEXT_BYTES + 1));
    this.at = end + 1;
    return line;
  }

  private number(lengthBytes: number): number {
    const start = this.at;
    this.skip(lengthBytes);
    if (lengthBytes < 8) return this.bytes.readUIntLE(start, lengthBytes);
    return Number(this.bytes.readBigUInt64LE(start));
  }

  private skip(lengthBytes: number): void {
    if (this.at + lengthBytes > this.bytes.length) throw broken('is cut short');
    this.at += lengthBytes;
  }
}

const broken = (how: string): AppError => new AppError('invalid', `The pickle ${how}.`);
