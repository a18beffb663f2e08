import type { EntityManager } from '@mikro-orm/core';
import { AppError } from '../../kit/errors.ts';
import type { Jobs } from '../../kit/queue/jobs.ts';
import { t } from '../../kit/web/messages.ts';
import type { Saying, Words } from '../../kit/work.ts';
import type { ScreenText, Verdict } from '../prompts/judge.ts';
import { isScope } from '../prompts/rules/schema.ts';
import { MOST_TEXTS } from '../prompts/screen.ts';
import { highestLevel, RATING, ratingLabel } from '../ratings.ts';
import { reviewsThemselves, type Screening } from '../screening.ts';
import { piecesOf } from './prose.ts';

interface ReaderOptions {
  readonly screening: Screening;
  readonly jobs: Jobs;
  readonly now: () => Date;
  readonly fork: () => EntityManager;
}

/**
 * The one place that reads what people are about to publish, by the rules that read prompts (spec/guardrails.md 3.2, 5:
 * scopes `title`, `tag`, `caption`, and ours for what is only talked about). It looks at what others will see: drafts are
 * read when they are published. Words that were denied are counted as everywhere; of peers nothing is counted.
 */
export class WordReader implements Words {
  readonly #options: ReaderOptions;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  async read({ author, isRemote = false, level, texts }: Saying): Promise<string | null> {
    const { screening, jobs, now, fork } = this.#options;
    const facts = { level: Math.max(RATING.pg, highestLevel(level & ALL)), flags: [] };
    const work = { em: fork(), jobs, now };
    let heldFor: string | null = null;
    for (const part of partsOf(texts.flatMap(({ scope, text, field }) => textsOf(scope, text, field)))) {
      const asked = { purpose: 'publication' as const, texts: part, facts };
      if (isRemote) heldFor ??= severity(await screening.note(work, author, asked));
      else {
        const verdict = await screening.assert(work, author, asked);
        const { ceiling } = verdict;
        if (ceiling !== null && facts.level > ceiling) throw above(ceiling, verdict.field);
        if (verdict.action === 'hold' && !reviewsThemselves(author)) heldFor ??= verdict.category;
      }
    }
    return heldFor;
  }
}

const MOST_NAMES = 90;

/** As many calls as it takes: what a thing is called is read with each part of what is said about it. */
function partsOf(texts: readonly ScreenText[]): ScreenText[][] {
  if (texts.length <= MOST_TEXTS) return texts.length === 0 ? [] : [[...texts]];
  const names = texts.filter(({ scope }) => scope !== 'prose').slice(0, MOST_NAMES);
  const prose = texts.filter(({ scope }) => scope === 'prose');
  const parts: ScreenText[][] = [];
  const step = MOST_TEXTS - names.length;
  for (let from = 0; from === 0 || from < prose.length; from += step) {
    parts.push([...names, ...prose.slice(from, from + step)]);
  }
  return parts;
}

const ALL = RATING.blocked - 1;

function textsOf(scope: string, text: string, field: string | undefined): ScreenText[] {
  if (!isScope(scope)) throw new Error(`Nothing is read as ${scope}.`);
  const at = field === undefined ? {} : { field };
  if (scope === 'prose') return piecesOf(text).map((piece) => ({ scope, text: piece, ...at }));
  return text.trim() === '' ? [] : [{ scope, text, ...at }];
}

/** A peer's own node judges its people: only what no node may show, or what may be about a child, waits here. */
function severity({ action, category, isHard }: Verdict): string | null {
  if (action === 'deny' && isHard) return category;
  return action === 'hold' && category === 'minor-review' ? category : null;
}

function above(ceiling: number, field: string | null): AppError {
  const message = t('safety.words-ceiling', { rating: ratingLabel(ceiling) });
  return new AppError('invalid', message, { fields: { [field ?? 'level']: message } });
}
