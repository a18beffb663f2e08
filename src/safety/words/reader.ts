import type { EntityManager } from '@mikro-orm/core';
import { AppError } from '../../kit/errors.ts';
import type { Jobs } from '../../kit/queue/jobs.ts';
import { t } from '../../kit/web/messages.ts';
import type { Saying, Words } from '../../kit/work.ts';
import type { ScreenText, Verdict } from '../prompts/judge.ts';
import { isScope } from '../prompts/rules/schema.ts';
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
    const asked = {
      purpose: 'publication' as const,
      texts: texts.flatMap(({ scope, text, field }) => textsOf(scope, text, field)),
      facts: { level: Math.max(RATING.pg, highestLevel(level & ALL)), flags: [] },
    };
    if (asked.texts.length === 0) return null;
    const work = { em: fork(), jobs, now };
    if (isRemote) return severity(await screening.note(work, author, asked));
    const verdict = await screening.assert(work, author, asked);
    const { ceiling } = verdict;
    if (ceiling !== null && asked.facts.level > ceiling) throw above(ceiling, verdict.field);
    return verdict.action === 'hold' && !reviewsThemselves(author) ? verdict.category : null;
  }
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
