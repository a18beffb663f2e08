import type { Parameter } from '../kit/database/sql.ts';
import type { Viewer } from '../kit/work.ts';

/** For whom something is published, the widest first. Unlisted is for everybody who has the address, and in no list of all. */
export const VISIBILITIES = ['public', 'unlisted', 'followers', 'direct'] as const;
export type Visibility = (typeof VISIBILITIES)[number];

/** Nobody has to be asked who they are. */
export const isOpen = (visibility: Visibility): boolean => visibility === 'public' || visibility === 'unlisted';

/** Is `one` for fewer people than `other`, or for other ones? */
export const isNarrower = (one: Visibility, other: Visibility): boolean =>
  VISIBILITIES.indexOf(one) > VISIBILITIES.indexOf(other);

// The audience as SQL, so that one query reads a row and who may see it. A peer's own actor asks for all of its people:
// what one of them may see lies on their server already.

/** What `followsSql` and `namedSql` take, each. No host has a slash in it. */
export const askerParameters = (viewer: Viewer | null): Parameter[] => [viewer?.id ?? 0, viewer?.speaksFor ?? '/'];

/** Does the asker follow this account? `owner` is a column. Takes `askerParameters`. */
export const followsSql = (owner: string): string =>
  `(exists (select 1 from follow f where f.follower_id = ? and f.target_id = ${owner} and f.state = 'accepted')
    or exists (select 1 from follow f where f.target_id = ${owner} and f.state = 'accepted'
      and f.follower_id in (select fa.id from account fa where fa.host = ?)))`;

/** Is the asker named by this? `thing` is `post` or `comment`, `id` its column. Takes `askerParameters`. */
export const namedSql = (thing: 'post' | 'comment', id: string): string =>
  `(exists (select 1 from mention n where n.${thing}_id = ${id} and n.account_id = ?)
    or exists (select 1 from mention n where n.${thing}_id = ${id}
      and n.account_id in (select na.id from account na where na.host = ?)))`;
