import { fetchNote, isFollowed } from '../ingest/ingest-note.ts';
import { findTarget } from '../ingest/target.ts';
import { isOwnId, singleIdOf } from '../origin.ts';
import type { Handler } from './act.ts';
import { shareOurs } from './share.ts';

/** A boost of somebody whom we follow makes the thing known here. One of ours is counted. */
export const announce: Handler = async (work, federation, act) => {
  const { activity, actor } = act;
  const uri = singleIdOf(activity, 'object');
  if (uri === null) return 'shares nothing';
  if (isOwnId(uri, federation.origin)) return shareOurs(work, federation.origin, uri, act);
  if (!(await isFollowed(work.em, actor))) return 'nobody here follows its author';
  return (await findTarget(work.em, federation.origin, uri)) ? 'known' : fetchNote(work, federation, uri);
};
