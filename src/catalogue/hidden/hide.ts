import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { assertSeesModel } from '../access.ts';
import { Tag } from '../model.ts';
import { meantTags } from '../tags.ts';
import { Hidden } from './model.ts';

/** Each list asks for it, so it stays short. */
const MOST = 500;

export const HideForm = z.object({
  kind: z.enum(['tag', 'model', 'domain']),
  /** A tag by its name, a model by its id, a domain by its host. */
  key: z.string().trim().toLowerCase().min(1, 'Say what to hide.').max(253, 'That is too long.'),
});

/** Keeps a tag, a model or a whole domain out of the viewer's lists. Again is the same. */
export async function hideThing(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  { kind, key }: z.output<typeof HideForm>,
): Promise<void> {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  const what = await readWhat({ em, viewer }, kind, key);
  if ((await em.count(Hidden, { account: viewer.id, ...what })) > 0) return;
  if ((await em.count(Hidden, { account: viewer.id })) >= MOST) {
    throw new AppError('conflict', `You hide ${MOST} things already. Show some of them again first.`);
  }
  const none = { tag: null, model: null, host: null };
  em.create(Hidden, { id: newId(), account: viewer.id, ...none, ...what, createdAt: now() }, { persist: true });
  await em.flush();
}

async function readWhat({ em, viewer }: Pick<Work, 'em' | 'viewer'>, kind: string, key: string) {
  if (kind === 'domain') {
    if (!/^[a-z0-9.-]+(:\d{1,5})?$/.test(key)) throw new AppError('invalid', 'That is no domain.');
    return { host: key };
  }
  if (kind === 'model') {
    if (!/^[1-9]\d{0,8}$/.test(key)) throw new AppError('not_found', 'There is no such model.');
    await assertSeesModel(em, viewer, Number(key));
    return { model: Number(key) };
  }
  const [name = key] = await meantTags(em, [key]);
  const tag = await em.findOne(Tag, { name });
  if (!tag) throw new AppError('not_found', 'There is no such tag.');
  return { tag: tag.id };
}

/** Shows it again; what was not hidden is fine. */
export async function showAgain({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string): Promise<void> {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  await em.nativeDelete(Hidden, { id, account: viewer.id });
}

export interface HiddenView {
  readonly id: string;
  readonly kind: 'tag' | 'model' | 'domain';
  readonly label: string;
  readonly url: string;
}

/** What the viewer hides, the newest first. */
export async function listHidden({ em, viewer }: Pick<Work, 'em' | 'viewer'>): Promise<HiddenView[]> {
  if (!viewer) return [];
  const found = await em.find(
    Hidden,
    { account: viewer.id },
    { populate: ['tag', 'model'], orderBy: { createdAt: 'desc' }, limit: MOST },
  );
  return found.map(({ id, tag, model, host }): HiddenView => {
    if (tag) return { id, kind: 'tag', label: `#${tag.$.name}`, url: `/tags/${encodeURIComponent(tag.$.name)}` };
    if (model) return { id, kind: 'model', label: model.$.name, url: `/models/${model.id}` };
    return { id, kind: 'domain', label: host ?? '', url: '' };
  });
}
