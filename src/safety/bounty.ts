import { AppError } from '../kit/errors.ts';
import { t } from '../kit/web/messages.ts';
import type { Viewer, Work } from '../kit/work.ts';
import type { ScreenText } from './prompts/judge.ts';
import type { Flag } from './prompts/rules/schema.ts';
import { highestLevel, RATING, ratingLabel } from './ratings.ts';
import { reviewsThemselves, type Screening } from './screening.ts';

export interface BountyAsked {
  readonly title: string;
  readonly text: string;
  readonly tags: readonly string[];
  /** What its author says of who is to be shown; in this release nothing but fiction is taken. */
  readonly subject: 'fictional' | 'own' | 'consented';
  readonly references: readonly {
    readonly sha256: string;
    /** By what the file said: a camera's, nobody knows, generated elsewhere, generated here. */
    readonly provenance: 'photo' | 'unproven' | 'claimed' | 'here';
    /** Its rating; 0 where that was judged with words of its own. */
    readonly level: number;
    /** Sent in with the request, so that nobody saw it before; what its author says of it. */
    readonly upload?: { readonly altText: string; readonly field: string };
  }[];
}

/**
 * The checks of a request to others (spec/guardrails.md 3.5), for whoever opens it or changes it. Throws `invalid` at
 * the field. What is returned is why somebody has to look at it before it opens; null when nobody has to: a request that
 * shows by pictures what it does not say in words is held.
 */
export async function assertBounty(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  screening: Screening,
  viewer: Viewer,
  { title, text, tags, subject, references }: BountyAsked,
): Promise<{ readonly hold: string | null }> {
  if (subject !== 'fictional') {
    const message = t('safety.denied.bounty-subject');
    throw new AppError('invalid', message, { fields: { subject: message } });
  }
  const flags = new Set(references.flatMap(({ provenance }): Flag[] => (provenance === 'here' ? [] : [provenance])));
  const level = Math.max(RATING.pg, highestLevel(references.reduce((levels, one) => levels | one.level, 0)));
  const verdict = await screening.assert(work, viewer, {
    purpose: 'publication',
    texts: [
      { scope: 'bounty', text: title, field: 'title' },
      { scope: 'bounty', text, field: 'text' },
      { scope: 'tag', text: tags.join(', '), field: 'tags' },
      ...references.flatMap(({ upload }): ScreenText[] =>
        upload ? [{ scope: 'caption', text: upload.altText, field: upload.field }] : [],
      ),
    ],
    facts: { level, flags: [...flags] },
    inputs: references.map(({ sha256 }) => sha256),
  });
  assertUnder(verdict.ceiling, level, verdict.categories);
  if (reviewsThemselves(viewer)) return { hold: null };
  if (verdict.action === 'hold') return { hold: verdict.category };
  return { hold: references.some(mayShowSomebody) ? 'references' : null };
}

/** What a file says of how it was made is the word of who sends it in: somebody looks at it first all the same. */
const mayShowSomebody = ({ provenance, upload }: BountyAsked['references'][number]): boolean =>
  provenance === 'photo' || provenance === 'unproven' || upload !== undefined;

function assertUnder(ceiling: number | null, level: number, categories: readonly string[]): void {
  if (ceiling === null || level <= ceiling) return;
  const isOfMinor = categories.some((category) => category.startsWith('minor'));
  const message = t(isOfMinor ? 'safety.words-ceiling' : 'safety.photo-ceiling', { rating: ratingLabel(ceiling) });
  throw new AppError('invalid', message, { fields: { pictures: message } });
}
