import { fetchNote, isFollowed } from '../ingest/ingest-note.ts';
import { findTarget } from '../ingest/target.ts';
import { isOwnId, singleIdOf } from '../origin.ts';
import type { Handler } from './act.ts';

/** A boost of somebody whom we follow makes the thing known here. Who boosted it is not shown yet. */
export const announce: Handler = async (work, federation, { activity, actor }) => {
  const uri = singleIdOf(activity, 'object');
  if (uri === null || isOwnId(uri, federation.origin)) return 'of ours';
  if (!(await isFollowed(work.em, actor))) return 'nobody here follows its author';
  return (await findTarget(work.em, federation.origin, uri)) ? 'known' : fetchNote(work, federation, uri);
};
