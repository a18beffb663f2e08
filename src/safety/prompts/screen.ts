import type { Worker } from 'node:worker_threads';
import { AppError } from '../../kit/errors.ts';
import { startThread } from '../../kit/thread.ts';
import { t } from '../../kit/web/messages.ts';
import type { ScreenFacts, ScreenText, Verdict } from './judge.ts';
import type { PatternProblem } from './match/patterns.ts';
import type { NameHashes } from './match/people.ts';
import type { RuleSet } from './rules/schema.ts';
import type { FromScreen, ToScreen } from './screen-worker.ts';
import { MOST_NESTING, nestingOf } from './text/grammar.ts';

const MOST_CHARACTERS = 8_000;
const MOST_WORDS = 3_000;
/** In one call; a set of captions is many calls. */
export const MOST_TEXTS = 120;
/** A busy machine may take long to start a thread, which no text can help. */
const START_MS = 60_000;
/** Longer than the longest text takes by a factor of a hundred. */
const BUDGET_MS = 5_000;
const MOST_WAITING = 500;

type Answer = Exclude<FromScreen, { readonly isReady: true }>;

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

export interface ScreenOptions {
  /** Key of the hashes of names. */
  readonly key: string;
  readonly budgetMs?: number;
}

/**
 * Judges texts in a thread of its own, so that no text, however made, holds up the others (spec/guardrails.md 3.2, 4).
 * A thread that takes too long is ended, and what it had is refused: nothing passes unread.
 */
export class PromptScreen {
  readonly #options: ScreenOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #sets = new Map<string, RuleSet>();
  #names: readonly NameHashes[] = [];
  #worker: Worker | null = null;
  #isReady = false;
  #watch: NodeJS.Timeout | null = null;
  #lastId = 0;

  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  /** Throws `invalid` for what is over the limits, at its field, and `unavailable` when it could not be read in time. */
  async judge(texts: readonly ScreenText[], facts: ScreenFacts, rules: RuleSet | null = null): Promise<Verdict> {
    assertBounds(texts);
    if (this.#waiting.size >= MOST_WAITING) throw late();
    const worker = this.#running();
    if (rules && this.#sets.get(rules.version) !== rules) {
      this.#sets.set(rules.version, rules);
      this.#send(worker, { act: 'rules', set: rules });
    }
    const version = rules?.version ?? null;
    const answer = await this.#ask(worker, (id) => ({ act: 'judge', id, version, texts, facts }));
    if ('verdict' in answer) return answer.verdict;
    throw late(answer);
  }

  /** What is wrong with expressions, each with its place. Throws `unavailable` when it could not be found out in time. */
  async check(patterns: RuleSet['patterns']): Promise<readonly PatternProblem[]> {
    const answer = await this.#ask(this.#running(), (id) => ({ act: 'check', id, patterns }));
    if ('problems' in answer) return answer.problems;
    throw late(answer);
  }

  #ask(worker: Worker, question: (id: number) => ToScreen): Promise<Answer> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.ref();
      this.#watch ??= this.#watching();
      this.#send(worker, question(id));
    });
  }

  /** From now on these people are known by the hashes of their names. */
  knowPeople(names: readonly NameHashes[]): void {
    this.#names = names;
    if (this.#worker) this.#send(this.#worker, { act: 'people', key: this.#options.key, names });
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    const isIdle = this.#waiting.size === 0;
    this.#lose(worker, undefined);
    if (isIdle && this.#isReady && spare === null) return keepWarm(worker);
    worker.ref(); // else the process may end before it has
    await worker.terminate();
  }

  #running(): Worker {
    if (this.#worker) return this.#worker;
    const warm = takeWarm();
    const worker = warm ?? startThread(import.meta.url, 'screen-worker');
    this.#isReady = warm !== null;
    worker.on('message', (message: FromScreen) => this.#receive(message));
    worker.on('error', (cause) => this.#lose(worker, cause));
    worker.on('exit', () => this.#lose(worker, undefined));
    this.#worker = worker;
    for (const set of this.#sets.values()) this.#send(worker, { act: 'rules', set });
    if (this.#names.length > 0) this.#send(worker, { act: 'people', key: this.#options.key, names: this.#names });
    return worker;
  }

  #send(worker: Worker, message: ToScreen): void {
    worker.postMessage(message);
  }

  #receive(message: FromScreen): void {
    if ('isReady' in message) this.#isReady = true;
    else this.#answer(message);
    if (this.#watch) clearTimeout(this.#watch);
    this.#watch = this.#waiting.size > 0 ? this.#watching() : null;
    if (this.#waiting.size === 0) this.#worker?.unref();
  }

  #answer(message: Answer): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('failure' in message) waiting?.reject(late(new Error(message.failure)));
    else waiting?.resolve(message);
  }

  /** Begins anew with each answer: what is waited for is the text that is read now. */
  #watching(): NodeJS.Timeout {
    const budgetMs = this.#isReady ? (this.#options.budgetMs ?? BUDGET_MS) : START_MS;
    return setTimeout(() => {
      const worker = this.#worker;
      if (!worker) return;
      this.#lose(worker, new Error('A text took too long.'));
      void worker.terminate();
    }, budgetMs).unref();
  }

  #lose(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    if (this.#watch) clearTimeout(this.#watch);
    this.#watch = null;
    for (const { reject } of this.#waiting.values()) reject(late(cause));
    this.#waiting.clear();
  }
}

/** A thread takes a second to compile the rules: one is kept for the next node of this process (the demo has two). */
let spare: Worker | null = null;

function keepWarm(worker: Worker): void {
  spare = worker;
  letGo(worker);
  const forget = () => {
    if (spare === worker) spare = null;
  };
  worker.on('error', forget).on('exit', forget);
  worker.postMessage({ act: 'forget' } satisfies ToScreen);
  worker.unref();
}

function takeWarm(): Worker | null {
  const worker = spare;
  spare = null;
  if (worker) letGo(worker);
  return worker;
}

/** Not all listeners: some are the thread's own. */
function letGo(worker: Worker): void {
  for (const name of ['message', 'error', 'exit']) worker.removeAllListeners(name);
}

const late = (cause?: unknown) => new AppError('unavailable', t('safety.late'), { cause, retryAfterSeconds: 5 });

/** Before a text is sent anywhere; all of it is one pass. */
function assertBounds(texts: readonly ScreenText[]): void {
  if (texts.length > MOST_TEXTS) throw new AppError('too_large', t('safety.too-many'));
  for (const { scope, text, field } of texts) {
    if (text.length > MOST_CHARACTERS) throw refusal(field, t('safety.too-long', { most: MOST_CHARACTERS }));
    // its brackets are no grammar, and are gone before anybody reads it
    if (scope === 'prose') continue;
    if (nestingOf(text) > MOST_NESTING) throw refusal(field, t('safety.too-deep', { most: MOST_NESTING }));
    if (wordCount(text) > MOST_WORDS) throw refusal(field, t('safety.too-many-words', { most: MOST_WORDS }));
  }
}

const refusal = (field: string | undefined, message: string) =>
  new AppError('invalid', message, field ? { fields: { [field]: message } } : {});

function wordCount(text: string): number {
  let count = 0;
  let isWord = false;
  for (let n = 0; n < text.length; n += 1) {
    const isSpace = text.charCodeAt(n) <= 32;
    if (!isSpace && !isWord) count += 1;
    isWord = !isSpace;
  }
  return count;
}
