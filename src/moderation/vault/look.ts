import { buffer } from 'node:stream/consumers';
import { audited } from '../../kit/audit/append.ts';
import { AppError } from '../../kit/errors.ts';
import { type Veil, veiledWebp } from '../../kit/storage/images-veil.ts';
import type { Vault } from '../../kit/storage/vault/vault.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { countExposure } from '../queue/exposure.ts';
import { Approval } from '../staff/model.ts';
import { hasTwoPeople } from '../staff/two-people.ts';
import { loadVaulted, needsTwo, permissionOf, strictestOf, type Vaulted } from './kept.ts';

/** Of the first to ask, and of the second who agreed: a row for each person and thing. */
const ASKED = 'vault.ask';
const AGREED = 'vault.look';
const ASKED_MS = 86_400_000;
const AGREED_MS = 15 * 60_000;

type Looking = Pick<Work, 'em' | 'now'> & { readonly viewer: Viewer };

/**
 * Whether this person may look now. `ask`: a second person must agree first; `asked`: and was asked; `alone`: there is no
 * second one on this node; `file`: nothing to be looked at.
 */
export type Sight = 'open' | 'ask' | 'asked' | 'alone' | 'file';

const keyOf = (id: string, accountId: number): string => `${id}:${accountId}`;

export async function sightOf({ em, now, viewer }: Looking, item: Vaulted): Promise<Sight> {
  if (item.kind !== 'image') return 'file';
  if (!needsTwo(await strictestOf(em, item.digest))) return 'open';
  const subjectId = keyOf(item.id, viewer.id);
  const agreed = { act: AGREED, subjectId, approvedAt: { $gt: new Date(now().getTime() - AGREED_MS) } };
  if ((await em.count(Approval, agreed)) > 0) return 'open';
  if (!(await hasTwoPeople(em, permissionOf('minor'), now()))) return 'alone';
  const asked = { act: ASKED, subjectId, approvedAt: { $gt: new Date(now().getTime() - ASKED_MS) } };
  return (await em.count(Approval, asked)) > 0 ? 'asked' : 'ask';
}

/** Who asked to look and waits for another, by their ids. */
export async function listAsking({ em, now, viewer }: Looking, item: Vaulted): Promise<number[]> {
  const since = new Date(now().getTime() - ASKED_MS);
  const found = await em.find(Approval, {
    ...{ act: ASKED, subjectId: { $like: `${item.id}:%` }, accountId: { $ne: viewer.id } },
    approvedAt: { $gt: since },
  });
  return found.map(({ accountId }) => accountId);
}

/** The first of two: noted, and nothing is shown yet. */
export async function askToLook(work: Looking, id: string): Promise<void> {
  const item = await loadVaulted(work.em, work.viewer, id);
  if (!needsTwo(await strictestOf(work.em, item.digest)))
    throw new AppError('conflict', 'One person may look at this.');
  await audited(work, async (em) => {
    const row = { act: ASKED, subjectId: keyOf(id, work.viewer.id), accountId: work.viewer.id, approvedAt: work.now() };
    await em.upsert(Approval, row, { onConflictFields: ['act', 'subjectId'] });
    return { result: undefined, entries: [entryOf('vault.ask', item)] };
  });
}

/** The second: from now on the first may look for a quarter of an hour. Throws `conflict` for one who did not ask. */
export async function agreeToLook(work: Looking, id: string, askerId: number): Promise<void> {
  const item = await loadVaulted(work.em, work.viewer, id);
  if (!(await listAsking(work, item)).includes(askerId)) throw new AppError('conflict', 'Nobody asks for that now.');
  await audited(work, async (em) => {
    const subjectId = keyOf(id, askerId);
    await em.nativeDelete(Approval, { act: ASKED, subjectId });
    const row = { act: AGREED, subjectId, accountId: work.viewer.id, approvedAt: work.now() };
    await em.upsert(Approval, row, { onConflictFields: ['act', 'subjectId'] });
    return { result: undefined, entries: [entryOf('vault.agree', item, { askerId })] };
  });
}

/** Before less than the whole veil is drawn: counted, and written down. Throws `forbidden` where a second is missing. */
export async function noteSight(work: Looking, item: Vaulted, veil: Veil): Promise<void> {
  await assertSight(work, item);
  if (veil !== 'full') await countExposure(work.em, work.viewer, work.now());
  await audited(work, async () => ({ result: undefined, entries: [entryOf('vault.look', item, { veil })] }));
}

async function assertSight(work: Looking, item: Vaulted): Promise<void> {
  if ((await sightOf(work, item)) !== 'open') throw new AppError('forbidden', 'A second person must agree first.');
}

/** The picture behind its veil. The seal of the vault is checked to its end before anything is drawn. */
export async function drawVaulted(work: Looking, vault: Vault, item: Vaulted, veil: Veil): Promise<Buffer> {
  await assertSight(work, item);
  const bytes = await buffer(await vault.open(item.digest)).catch((cause: unknown) => {
    if (cause instanceof AppError) throw cause;
    throw new AppError('unavailable', 'What lies in the vault was changed there, and cannot be opened.', { cause });
  });
  return veiledWebp(bytes, veil);
}

const entryOf = (action: string, { id, category, takedownId }: Vaulted, more: object = {}) => ({
  ...{ action, subject: { kind: 'vault', id }, after: { category, takedownId, ...more } },
});
