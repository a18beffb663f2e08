import type { RawForm } from '../../kit/web/forms.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { keptFields } from './fields.ts';
import { GenerationDraft } from './model.ts';

export async function saveDraft({ em, now }: Pick<Work, 'em' | 'now'>, viewer: Viewer, raw: RawForm): Promise<void> {
  await em.upsert(GenerationDraft, { account: viewer.id, fields: keptFields(raw), updatedAt: now() });
}

export async function findDraft({ em }: Pick<Work, 'em'>, viewer: Viewer): Promise<RawForm | null> {
  const draft = await em.findOne(GenerationDraft, { account: viewer.id });
  return draft?.fields ?? null;
}
