import { hasMessage, t, tCount } from '../kit/web/messages.ts';
import type { Kind } from './kinds.ts';

export interface Told {
  readonly kind: Kind;
  /** Who did it last; '' for the node. */
  readonly who: string;
  /** How many people did it besides. */
  readonly others: number;
  /** How many things happened. */
  readonly count: number;
  /** Kind of what it is about. */
  readonly thing: string;
  /** Its name; '' for what has none. */
  readonly title: string;
  readonly note: string;
}

const SAID_BY_NOTE: ReadonlySet<Kind> = new Set<Kind>(['invited', 'submission', 'contest', 'licence']);

/**
 * One sentence, as pages, mails and phones say it: `notice.<kind>`, or `notice.<kind>.many` for more than one thing; of kinds
 * that say different things by their note, `notice.<kind>-<note>`.
 */
export function sentenceOf({ kind, who, others, count, thing, title, note }: Told): string {
  const said = SAID_BY_NOTE.has(kind) && note !== '' ? `notice.${kind}-${note}` : `notice.${kind}`;
  const many = `${said}.many`;
  const key = count > 1 && hasMessage(many) ? many : said;
  return t(key, {
    who: others > 0 ? t('notice.and', { who, others: tCount('notice.others', others) }) : who,
    thing: t(title === '' ? `notice.thing.${thing}` : `notice.named.${thing}`, { title }),
    ...{ title, note, n: count },
  });
}
