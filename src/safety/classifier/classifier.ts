import { createHmac } from 'node:crypto';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Log } from '../../kit/log.ts';
import type { Net } from '../../kit/net/net.ts';
import {
  type ClassifierOpinion,
  type ClassifierPurpose,
  type ClassifierQuestion,
  ClassifierReply,
  NO_OPINION,
} from './contract.ts';

const TEXT_MS = 2_000;
const IMAGE_MS = 60_000;
const POLL_MS = 1_000;
const MOST_MEDIA_BYTES = 8_000_000;
const MOST_REPLY_BYTES = 64_000;
/** After so many failures in a row it is left alone for a while. */
const MOST_FAILURES = 5;
const REST_MS = 60_000;
const MOST_KEPT = 5_000;

/** Without an answer a prompt goes by the rules of the node; what is made or taken in waits for a person. */
const HELD_WITHOUT: readonly ClassifierPurpose[] = ['output', 'dataset', 'bounty', 'upload', 'avatar'];

export interface ClassifierOptions {
  /** From the settings; null is none, and then nothing is asked. */
  readonly url: URL | null;
  /** Signs what is asked. */
  readonly secret: string;
  /** It is asked, and what it says is written down and decides nothing. */
  readonly isShadow: boolean;
  readonly net: Pick<Net, 'operatorFetch'>;
  readonly log: Log;
  readonly times?: Partial<{ textMs: number; imageMs: number; pollMs: number; restMs: number }>;
}

/**
 * A program of the operator's that looks at words and pictures, asked over HTTP. It may only raise: an answer that says
 * less than the node itself changes nothing, and a silence, a lie in form or a redirect counts as no answer.
 */
export class Classifier {
  readonly #options: ClassifierOptions;
  readonly #kept = new Map<string, { readonly reply: ClassifierReply; readonly untilMs: number }>();
  #failures = 0;
  #restsUntilMs = 0;

  constructor(options: ClassifierOptions) {
    this.#options = options;
  }

  get isOn(): boolean {
    return this.#options.url !== null;
  }

  /** For the owner: it does not answer, and what it should have seen is held. */
  get isResting(): boolean {
    return performance.now() < this.#restsUntilMs;
  }

  /** Never throws. `isSevere`: the rules of the node saw something grave, so that no answer is no consent. */
  async judge(question: ClassifierQuestion, isSevere = false): Promise<ClassifierOpinion> {
    const { url, isShadow, log } = this.#options;
    if (!url) return NO_OPINION;
    let opinion: ClassifierOpinion;
    try {
      const reply = await this.#ask(url, question);
      this.#failures = 0;
      opinion = opinionOf(reply);
    } catch (error) {
      this.#fail();
      log.warn({ purpose: question.purpose, err: error }, 'classifier');
      const isHeld = isSevere || HELD_WITHOUT.includes(question.purpose);
      opinion = isHeld ? { action: 'hold', level: 0, reason: 'classifier-silent' } : NO_OPINION;
    }
    if (!isShadow) return opinion;
    log.info({ purpose: question.purpose, opinion }, 'classifier shadow');
    return NO_OPINION;
  }

  async #ask(url: URL, question: ClassifierQuestion): Promise<ClassifierReply> {
    const key = `${question.kind}:${question.purpose}:${question.digest}:${question.policyVersion}`;
    const kept = this.#kept.get(key);
    if (kept && kept.untilMs > performance.now()) return kept.reply;
    if (this.isResting) throw new AppError('unavailable', 'The classifier is left alone for a while.');
    const { times = {} } = this.#options;
    const limitMs = question.kind === 'text' ? (times.textMs ?? TEXT_MS) : (times.imageMs ?? IMAGE_MS);
    const deadlineMs = performance.now() + limitMs;
    const body = bodyOf(question, limitMs);
    for (;;) {
      const reply = await this.#send(url, body, deadlineMs - performance.now());
      if (reply) {
        this.#keep(key, reply);
        return reply;
      }
      const waitMs = times.pollMs ?? POLL_MS;
      if (performance.now() + waitMs >= deadlineMs) throw new AppError('unavailable', 'The classifier took too long.');
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  /** Null while it has not come to an end (202): it is asked again with the same key. */
  async #send(url: URL, body: string, timeoutMs: number): Promise<ClassifierReply | null> {
    const { net, secret } = this.#options;
    const at = String(Math.floor(Date.now() / 1_000));
    const signature = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
    const { status, body: answer } = await net.operatorFetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-tessera-timestamp': at, 'x-tessera-signature': signature },
      body,
      hosts: [url.host],
      timeoutMs: Math.max(1, timeoutMs),
      maxBytes: MOST_REPLY_BYTES,
    });
    if (status === 202) return null;
    // a redirect is not followed, wherever it leads: what is not 200 is no answer
    if (status !== 200) throw new AppError('unavailable', `The classifier answered ${status}.`);
    return ClassifierReply.parse(JSON.parse(answer.toString('utf8')));
  }

  #keep(key: string, reply: ClassifierReply): void {
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(key, { reply, untilMs: performance.now() + reply.ttl * 1_000 });
  }

  #fail(): void {
    this.#failures += 1;
    if (this.#failures < MOST_FAILURES) return;
    this.#failures = 0;
    this.#restsUntilMs = performance.now() + (this.#options.times?.restMs ?? REST_MS);
  }
}

function bodyOf({ media, ...question }: ClassifierQuestion, deadlineMs: number): string {
  if (media && media.bytes.length > MOST_MEDIA_BYTES) {
    throw new AppError('too_large', 'The picture is too large for the classifier.');
  }
  return JSON.stringify({
    ...question,
    ...(media ? { media: { type: media.mediaType, base64: Buffer.from(media.bytes).toString('base64') } } : {}),
    idempotencyKey: newId(),
    deadlineMs,
  });
}

/** A person who is real or no adult is for people to look at, whatever the verdict beside it says. */
function opinionOf({ verdict, rating = 0, flags }: ClassifierReply): ClassifierOpinion {
  const isDoubtful = flags.minor === true || flags.poi === true;
  const action = verdict === 'deny' ? 'deny' : verdict === 'hold' || isDoubtful ? 'hold' : 'none';
  return { action, level: rating, reason: action === 'none' ? null : 'classifier' };
}
