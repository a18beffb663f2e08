import { t } from '../../kit/web/messages.ts';
import type { Conflict } from './terms.ts';

/** Which parent forbids what, in words: `name` stands before `text`. */
export interface ConflictView {
  readonly name: string;
  /** '' for one that is not public. */
  readonly href: string;
  readonly text: string;
}

const MOST = 20;

export const conflictViews = (conflicts: readonly Conflict[]): ConflictView[] =>
  conflicts.slice(0, MOST).map(({ kind, uses, by }) => ({
    name: by.name || t('recipe.private'),
    href: by.href,
    text: t(`conflict.${kind}`, { uses: uses.map((use) => t(`use.${use}`)).join(', ') }),
  }));
