import { AppError } from '../kit/errors.ts';
import { t } from '../kit/web/messages.ts';
import type { Viewer, Work } from '../kit/work.ts';
import type { Flag } from './prompts/rules/schema.ts';
import { RATING } from './ratings.ts';
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
  const isShown = (provenance: string): boolean => provenance === 'photo' || provenance === 'unproven';
  const flags = new Set(references.flatMap(({ provenance }): Flag[] => (provenance === 'here' ? [] : [provenance])));
  const verdict = await screening.assert(work, viewer, {
    purpose: 'publication',
    texts: [
      { scope: 'bounty', text: title, field: 'title' },
      { scope: 'bounty', text, field: 'text' },
      { scope: 'tag', text: tags.join(', '), field: 'tags' },
    ],
    facts: { level: RATING.pg, flags: [...flags] },
    inputs: references.map(({ sha256 }) => sha256),
  });
  if (reviewsThemselves(viewer)) return { hold: null };
  if (verdict.action === 'hold') return { hold: verdict.category };
  return { hold: references.some(({ provenance }) => isShown(provenance)) ? 'references' : null };
}
