import type { EntityManager } from '@mikro-orm/core';
import { DatasetItem } from '../../compute/datasets/model.ts';
import { sampleOf } from '../../compute/gates/training-risk.ts';
import { Generation, GenerationImage } from '../../compute/model.ts';
import { TrainingRun } from '../../compute/training/model.ts';
import { t } from '../../kit/web/messages.ts';
import type { HoldKind } from '../../safety/holds/model.ts';
import { PromptRecord } from '../../safety/prompts/model.ts';
import type { Evidence } from '../queue/desk.ts';
import { findThing } from '../reports/thing.ts';

type Held = Pick<Evidence, 'title' | 'text' | 'facts'> & Partial<Pick<Evidence, 'url' | 'imageIds' | 'pictures'>>;

export const fact = (name: string, value: string) => ({ label: t(`evidence.${name}`), value });

/** What was written and made. A reviewer sees it whole, also what its owner removed meanwhile. */
async function heldGeneration(em: EntityManager, id: string): Promise<Held> {
  const generation = await em.findOne(Generation, id);
  if (!generation) return GONE;
  const { request, screening } = generation;
  const images = await em.find(GenerationImage, { generation: id }, { orderBy: { position: 'asc' } });
  const lines = [request.prompt, ...(request.negativePrompt ? [`− ${request.negativePrompt}`] : [])];
  return {
    ...{ title: t('evidence.generation'), text: lines.join('\n\n') },
    pictures: images.map(({ sha256, thumbSha256, format }) => ({
      sha256: thumbSha256 ?? sha256,
      mediaType: thumbSha256 ? 'image/webp' : `image/${format}`,
    })),
    facts: [
      fact('model', request.model.title),
      ...(request.loras.length > 0 ? [fact('loras', request.loras.map(({ title }) => title).join(', '))] : []),
      ...(screening ? [fact('rules', screening.ruleVersion)] : []),
    ],
  };
}

/** The pictures as they came, for what is cut off would be out of sight; twelve of them where a sample is enough. */
async function heldTraining(em: EntityManager, id: string): Promise<Held> {
  const run = await em.findOne(TrainingRun, id);
  if (!run) return GONE;
  const { items } = run.manifest;
  const shown = sampleOf(items, run.screening?.review ?? 'full', run.id).slice(0, MOST_PICTURES);
  const known = await em.find(DatasetItem, { id: { $in: shown.map(({ itemId }) => itemId) } });
  const types = new Map(known.map((item) => [item.sha256, item.mediaType]));
  const captions = [...new Set(shown.map(({ caption }) => caption.trim()))].filter((caption) => caption !== '');
  return {
    ...{ title: run.name, text: captions.slice(0, MOST_CAPTIONS).join('\n') },
    pictures: shown.map(({ sha256 }) => ({ sha256, mediaType: types.get(sha256) ?? 'image/png' })),
    facts: [
      ...(run.state === 'held' ? [] : [fact('gone', t('evidence.ended-value'))]),
      fact('pictures', t('evidence.pictures-value', { shown: shown.length, all: items.length })),
      fact('base', run.base.title),
      ...(run.rightsKind ? [fact('rights', t(`train.rights.${run.rightsKind}`))] : []),
      ...(run.screening ? [fact('risk', `${run.screening.risk} / 100`)] : []),
    ],
  };
}
/** More than a set may have by default; where the owner lets it have more, the rest is in its numbers. */
const MOST_PICTURES = 1_000;
const MOST_CAPTIONS = 100;

/** What an account wrote that was refused, as long as it is kept. */
async function heldAccount(em: EntityManager, id: string): Promise<Held> {
  const account = await findThing(em, { kind: 'account', id });
  if (!account) return GONE;
  const refused = { account: Number(id), action: 'deny' as const, clearedAt: null };
  const records = await em.find(PromptRecord, refused, { orderBy: { id: 'desc' }, limit: 20 });
  return {
    ...{ title: account.title, text: records.flatMap(({ text }) => text ?? []).join('\n\n'), url: account.url },
    facts: [fact('refusals', String(await em.count(PromptRecord, refused)))],
  };
}

/** What is published, or would be. */
const heldThing =
  (kind: 'image' | 'model' | 'post' | 'collection' | 'comment' | 'review' | 'bounty' | 'entry') =>
  async (em: EntityManager, id: string): Promise<Held> => {
    const found = await findThing(em, { kind, id });
    return found ? { title: found.title, text: found.text, url: found.url, imageIds: found.imageIds, facts: [] } : GONE;
  };

const GONE: Held = { title: '', text: '', facts: [fact('gone', t('evidence.gone-value'))] };

/** What a reviewer is shown of each kind that can be held. */
export const HELD: Readonly<Record<HoldKind, (em: EntityManager, id: string) => Promise<Held>>> = {
  ...{ generation: heldGeneration, training: heldTraining, account: heldAccount },
  ...{ image: heldThing('image'), model: heldThing('model'), post: heldThing('post') },
  ...{ collection: heldThing('collection'), comment: heldThing('comment'), review: heldThing('review') },
  ...{ bounty: heldThing('bounty'), entry: heldThing('entry') },
};
