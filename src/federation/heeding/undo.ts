import { audited } from '../../kit/audit/append.ts';
import { AppError } from '../../kit/errors.ts';
import { boundFetches } from '../bound-fetches.ts';
import type { Federation } from '../deps.ts';
import type { InboxWork } from '../inbox/act.ts';
import { fetchNote } from '../ingest/ingest-note.ts';
import { Tombstone } from '../model.ts';
import { ReceivedNotice } from '../notices/model.ts';
import { liftNotice } from './heed.ts';
import { keepMark } from './marks-file.ts';

const MOST_FETCHES = 10;

/**
 * The host of a notice takes it back: marks and restrictions of that notice go, and the thing is read again at its own
 * address. Null when the id names no notice. Only the same host can.
 */
export async function undoNotice(
  work: InboxWork,
  federation: Federation,
  uri: string,
  actorId: string,
): Promise<string | null> {
  const { em, now } = work;
  const known = await em.findOne(ReceivedNotice, { uri });
  if (!known) return null;
  if (known.host !== new URL(actorId).host) return 'of another host';
  if (known.undoneAt != null) return 'known';
  await audited({ ...work, viewer: null }, async (inner) => {
    const row = await inner.findOneOrFail(ReceivedNotice, known.id);
    await liftNotice(inner, row, now());
    await inner.nativeDelete(Tombstone, { noticeUri: uri });
    const entry = { action: 'notice.undo', subject: { kind: 'notice', id: row.id }, role: 'peer' };
    return { result: undefined, entries: [entry] };
  });
  await keepMark(federation, { undone: uri });
  em.clear();
  try {
    await fetchNote(work, boundFetches(federation, MOST_FETCHES), known.objectUri);
  } catch (error) {
    // its home does not show it yet; its next word about it brings it
    if (!(error instanceof AppError)) throw error;
  }
  return 'done';
}
