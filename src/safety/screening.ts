import { createHmac } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { Account } from '../accounts/model.ts';
import { can } from '../accounts/permissions.ts';
import { rows, toNumber } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import { newId } from '../kit/ids.ts';
import { defineJob } from '../kit/queue/define.ts';
import type { Settings } from '../kit/settings.ts';
import { hasMessage, t } from '../kit/web/messages.ts';
import type { Viewer, Work } from '../kit/work.ts';
import type { Classifier } from './classifier/classifier.ts';
import { findHold, hold } from './holds/hold.ts';
import { listNameHashes, nameKey } from './people/registry.ts';
import type { ScreenFacts, ScreenText, Verdict } from './prompts/judge.ts';
import { PromptRecord, PromptRuleSet, type SCREEN_PURPOSES } from './prompts/model.ts';
import { type Action, isStricter, RuleSet } from './prompts/rules/schema.ts';
import { PromptScreen } from './prompts/screen.ts';
import { guardSettings } from './settings.ts';

export interface ScreenRequest {
  readonly purpose: (typeof SCREEN_PURPOSES)[number];
  readonly texts: readonly ScreenText[];
  readonly facts: ScreenFacts;
  /** SHA-256 of models. */
  readonly resources?: readonly string[];
  /** SHA-256 of pictures to begin from. */
  readonly inputs?: readonly string[];
}

const FRESH_MS = 5_000;
const DAY_MS = 86_400_000;
/** For so long the words of a hard refusal are kept, and it counts. */
const KEPT_DAYS = 30;
const FREEZING = 'minor-sexual';

type Recording = Pick<Work, 'em' | 'jobs' | 'now'>;
type Author = Pick<Viewer, 'id' | 'permissions'>;

interface Rules {
  /** Null: those of the program. */
  readonly active: RuleSet | null;
  readonly shadow: RuleSet | null;
}

export interface ScreeningOptions {
  readonly secretKey: string;
  readonly settings: Settings;
  readonly classifier: Classifier;
  readonly budgetMs?: number;
}

/** Judges what people write by the rules that hold now, and keeps the record of it. Lives as long as the process. */
export class Screening {
  readonly #options: ScreeningOptions;
  readonly screen: PromptScreen;
  #rules: { readonly value: Rules; readonly atMs: number } | null = null;
  #people = '';

  constructor(options: ScreeningOptions) {
    this.#options = options;
    const { secretKey, budgetMs } = options;
    this.screen = new PromptScreen({ key: nameKey(secretKey), ...(budgetMs ? { budgetMs } : {}) });
  }

  get classifier(): Classifier {
    return this.#options.classifier;
  }

  /**
   * What the rules say; what is not allowed is written down. Throws `invalid` at the field for what is denied, with the
   * category and what to do about it; `forbidden` while the account is stopped.
   */
  async assert(work: Recording, viewer: Author, request: ScreenRequest): Promise<Verdict> {
    const em = work.em.fork();
    await assertNotFrozen(em, viewer.id);
    const verdict = await this.#judge(em, request);
    await this.#record({ ...work, em }, viewer, request, verdict);
    if (verdict.isHard && verdict.action === 'deny' && verdict.category === FREEZING)
      await this.#freezeAfter(em, viewer, work.now());
    if (verdict.action !== 'deny') return verdict;
    const message = deniedText(verdict.category ?? '');
    throw new AppError('invalid', message, { fields: { [verdict.field ?? 'prompt']: message } });
  }

  /** The same of somebody elsewhere: written down, and neither refused nor counted against them. */
  async note(work: Recording, author: Author, request: ScreenRequest): Promise<Verdict> {
    const em = work.em.fork();
    const verdict = await this.#judge(em, request);
    await this.#record({ ...work, em }, author, request, verdict);
    return verdict;
  }

  async #judge(
    em: EntityManager,
    { texts, facts, purpose }: ScreenRequest,
  ): Promise<Verdict & { shadow: Action | null }> {
    const { active, shadow } = await this.#load(em);
    const verdict = await this.#strictest(texts, facts, active);
    const beside = shadow ? (await this.#strictest(texts, facts, shadow)).action : null;
    const opinion = await this.#askClassifier(texts, facts, purpose, verdict);
    const isRaised = opinion.action !== 'none' && isStricter(opinion.action, verdict.action);
    return {
      ...verdict,
      shadow: beside === verdict.action ? null : beside,
      level: Math.max(verdict.level, opinion.level),
      ...(isRaised ? { action: opinion.action as Action, category: 'classifier', isHard: false } : {}),
    };
  }

  /** Rules of the node's own never let through what the hard ones of the program refuse. */
  async #strictest(texts: ScreenRequest['texts'], facts: ScreenFacts, active: RuleSet | null): Promise<Verdict> {
    const standard = await this.screen.judge(texts, facts, null);
    if (active === null || (standard.isHard && standard.action === 'deny')) return standard;
    return this.screen.judge(texts, facts, active);
  }

  async #askClassifier(texts: ScreenRequest['texts'], facts: ScreenFacts, purpose: string, verdict: Verdict) {
    const { classifier, secretKey } = this.#options;
    const text = textOf(texts).slice(0, 20_000);
    return classifier.judge(
      {
        ...{ kind: 'text', purpose: purpose === 'training' ? 'dataset' : 'prompt', text },
        digest: createHmac('sha256', secretKey).update(text).digest('hex'),
        ...{ level: verdict.level, flags: facts.flags, policyVersion: verdict.version },
      },
      verdict.isHard,
    );
  }

  async #load(em: EntityManager): Promise<Rules> {
    if (this.#rules && performance.now() - this.#rules.atMs < FRESH_MS) return this.#rules.value;
    const sets = await em.find(PromptRuleSet, { state: { $in: ['active', 'shadow'] } });
    const of = (state: string) => {
      const found = sets.find((set) => set.state === state);
      const before = this.#rules?.value[state as keyof Rules];
      // the same object, so that the thread need not compile it again
      return found ? (before?.version === found.version ? before : RuleSet.parse(found.rules)) : null;
    };
    const value = { active: of('active'), shadow: of('shadow') };
    const names = await listNameHashes({ em });
    const people = names.map(({ whole }) => whole).join();
    if (people !== this.#people) {
      this.#people = people;
      this.screen.knowPeople(names);
    }
    this.#rules = { value, atMs: performance.now() };
    return value;
  }

  /** Rules and people that changed hold at once in this process, and within seconds in others. */
  forget(): void {
    this.#rules = null;
  }

  async #record(
    { em, jobs, now }: Recording,
    viewer: Author,
    { purpose, texts, resources = [], inputs = [] }: ScreenRequest,
    verdict: Verdict & { readonly shadow: Action | null },
  ): Promise<void> {
    const { action, category, categories, version, isHard, shadow } = verdict;
    if (action === 'allow' && shadow === null) return;
    const text = textOf(texts);
    const isKept = isHard && action === 'deny';
    em.create(
      PromptRecord,
      {
        ...{ id: newId(), account: em.getReference(Account, viewer.id), purpose, action, category, categories, isHard },
        textHash: createHmac('sha256', this.#options.secretKey).update(`prompt:${text}`).digest('hex'),
        ...{ ruleVersion: version, shadowAction: shadow, resources, inputs, text: isKept ? text : null },
        createdAt: now(),
      },
      { persist: true },
    );
    if (isKept) {
      jobs.enqueue(em, eraseTextsJob, {}, { delayMs: KEPT_DAYS * DAY_MS, dedupeKey: eraseTextsJob.name });
    }
    await em.flush();
  }

  async #freezeAfter(em: EntityManager, viewer: Author, now: Date): Promise<void> {
    const { refusalsBeforeFreeze } = await this.#options.settings.read(em, guardSettings);
    const [row] = await rows<{ n: unknown }>(
      em,
      `select count(*) as n from prompt_record where account_id = ? and category = ? and action = 'deny'
         and cleared_at is null and created_at >= ?`,
      [viewer.id, FREEZING, new Date(now.getTime() - KEPT_DAYS * DAY_MS)],
    );
    if (toNumber(row?.n) < refusalsBeforeFreeze) return;
    await hold(em, { kind: 'account', id: String(viewer.id), accountId: viewer.id, reason: 'child-safety' }, now);
    await em.flush();
  }

  close(): Promise<void> {
    return this.screen.close();
  }
}

const textOf = (texts: readonly ScreenText[]): string => texts.map(({ scope, text }) => `${scope}: ${text}`).join('\n');

/** What people are told: the kind of rule, and what they can do. The word itself stays with us. */
const deniedText = (category: string): string => {
  const key = `safety.denied.${category}`;
  // rules of a node have categories of their own
  return t(hasMessage(key) ? key : 'safety.denied.other');
};

/** Throws `forbidden` while somebody has to look at what an account asked for. */
async function assertNotFrozen(em: EntityManager, accountId: number): Promise<void> {
  if (await findHold(em, 'account', String(accountId))) throw new AppError('forbidden', t('safety.frozen'));
}

/** Those who would review do not wait for a review of their own. */
export const reviewsThemselves = (viewer: Author): boolean => can(viewer, 'moderateContent');

/** After `safety.decided` about an account: what it was stopped for counts no more. */
export const clearRecordsJob = defineJob({
  name: 'safety.clear-records',
  lane: 'clock',
  payload: z.object({ accountId: z.int() }),
  attempts: 5,
  run: async ({ em, now }, { accountId }) => {
    await em.nativeUpdate(PromptRecord, { account: accountId, clearedAt: null }, { clearedAt: now() });
  },
});

/** Words of refusals that are older than they are kept. */
export const eraseTextsJob = defineJob({
  name: 'safety.erase-texts',
  lane: 'clock',
  payload: z.object({}),
  attempts: 5,
  run: async ({ em, jobs, now }) => {
    const before = new Date(now().getTime() - KEPT_DAYS * DAY_MS);
    await em.nativeUpdate(PromptRecord, { text: { $ne: null }, createdAt: { $lte: before } }, { text: null });
    await em.nativeDelete(PromptRecord, { createdAt: { $lte: new Date(now().getTime() - 365 * DAY_MS) } });
    if ((await em.count(PromptRecord, { text: { $ne: null } })) === 0) return;
    jobs.enqueue(em, eraseTextsJob, {}, { delayMs: DAY_MS, dedupeKey: eraseTextsJob.name });
    await em.flush();
  },
});

/** After `account.deleted`: what somebody wrote goes with them. */
export const forgetRecordsJob = defineJob({
  name: 'safety.forget-records',
  lane: 'clock',
  payload: z.object({ accountId: z.int() }),
  attempts: 5,
  run: async ({ em }, { accountId }) => {
    await em.nativeDelete(PromptRecord, { account: accountId });
  },
});
