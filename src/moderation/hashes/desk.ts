import type { EntityManager, Loaded } from '@mikro-orm/core';
import { handle, isLocal } from '../../accounts/model.ts';
import { DatasetItem } from '../../compute/datasets/model.ts';
import { Image, Post } from '../../gallery/model.ts';
import { relistPost } from '../../gallery/posts/relist.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { HashHit } from '../../safety/hashes/model.ts';
import type { PolicyTarget } from '../../safety/policy.ts';
import { restrict } from '../../safety/restrict.ts';
import type { Choice, Desk, Evidence } from '../queue/desk.ts';
import type { QueueRow } from '../queue/model.ts';
import { findThing } from '../reports/thing.ts';
import { startTakedown, strikeOwner, takedownCategory } from '../takedown/start.ts';
import { hashSources, hitsWhere } from './rows.ts';

const ACKNOWLEDGE: Choice = { name: 'acknowledge' };
const RELEASE: Choice = { name: 'release' };
const REMOVE: Choice = { name: 'remove', isHarsh: true };

type SeenHit = Loaded<HashHit, 'block' | 'account'>;
const MOST_HITS = 200;

/** The desk of what the list of blocked hashes knew (spec/guardrails.md section 4). */
export const hashDesk: Desk = {
  kinds: ['hash'],

  async load(em, row) {
    const hits = await hitsOf(em, row);
    const [first] = hits;
    if (!first) return null;
    const account = first.account?.$ ?? null;
    const owner = account ? handle(account) : '';
    const shown = await shownOf(em, first);
    return {
      ...{ what: row.aboutKind, title: '', text: '', url: '', imageIds: [], ...shown },
      ...{ owner, ownerUrl: owner && `/${owner}`, ownerId: account?.id ?? null },
      ...{ isHarmful: true, isBurst: false, voices: [], askerIds: [] },
      facts: await factsOf(em, hits, first),
      categories: [...new Set(hits.map(({ block }) => block.$.category))],
      choices: choicesOf(first),
      // what is severe is let go by two people, as everywhere (spec/takedowns.md 2.3, transition 11)
      jointChoices: hits.some(({ block }) => block.$.isSevere) && first.targetKind != null ? ['release'] : [],
    };
  },

  async carryOut(work, row, decision) {
    const { em, now } = work;
    const hits = await hitsOf(em, row);
    const [first] = hits;
    if (!first) return { takedownId: null, entries: [] };
    const category = first.block.$.category;
    if (decision.hasStrike && first.account && isLocal(first.account.$)) {
      strikeOwner(em, first.account.id, category, now());
    }
    if (decision.choice === 'release') await release(work, first);
    const target = targetOf(first);
    const order = { caseId: null, outcome: 'remove', category: takedownCategory(category) } as const;
    const parameters = { vault: true, block: true };
    const takedownId =
      decision.choice === 'remove' && target ? startTakedown(em, { ...order, target, parameters }, now()) : null;
    await em.nativeUpdate(HashHit, { id: { $in: hits.map(({ id }) => id) } }, { handledAt: now() });
    return { takedownId, entries: [] };
  },
};

/** The newest first; of a row that is done also those that were looked at. */
async function hitsOf(em: EntityManager, { subjectId, state }: QueueRow): Promise<SeenHit[]> {
  const where = hitsWhere(subjectId);
  if (!where) return [];
  const all = { $and: [where, state === 'done' ? {} : { handledAt: null }] };
  return em.find(HashHit, all, { orderBy: { id: -1 }, limit: MOST_HITS, populate: ['block', 'account'] });
}

const targetOf = ({ targetKind, targetId }: HashHit): PolicyTarget | null =>
  targetKind === 'image' || targetKind === 'version' ? { kind: targetKind, id: Number(targetId) } : null;

const choicesOf = (hit: HashHit): Choice[] => {
  if (targetOf(hit)) return [RELEASE, REMOVE, ACKNOWLEDGE];
  return hit.targetKind === 'dataset-item' ? [RELEASE, ACKNOWLEDGE] : [ACKNOWLEDGE];
};

type Shown = Partial<Pick<Evidence, 'title' | 'text' | 'url' | 'imageIds' | 'pictures' | 'isPrivate'>>;

async function shownOf(em: EntityManager, hit: HashHit): Promise<Shown> {
  const target = targetOf(hit);
  if (hit.targetKind === 'dataset-item') {
    const item = await em.findOne(DatasetItem, hit.targetId ?? '');
    if (!item) return {};
    const { sha256, mediaType, fileName: title, caption: text } = item;
    return { title, text, pictures: [{ sha256, mediaType }], isPrivate: true };
  }
  const thing =
    target && (target.kind === 'image' || target.kind === 'version')
      ? await findThing(em, { kind: target.kind, id: String(target.id) })
      : null;
  return thing ? { title: thing.title, text: thing.text, url: thing.url, imageIds: thing.imageIds } : {};
}

async function factsOf(em: EntityManager, hits: readonly SeenHit[], first: SeenHit): Promise<Evidence['facts']> {
  const fact = (name: string, value: string) => ({ label: t(`evidence.${name}`), value });
  const { block, door, verdict, distance, account } = first;
  const ids = hits.map(({ id }) => id);
  const earlier = account ? await em.count(HashHit, { account: account.id, id: { $nin: ids } }) : 0;
  return [
    fact('door', t(`door.${door}`)),
    fact('verdict', t(`hash-verdict.${verdict}`)),
    fact('blocked-as', `${t(`block-kind.${block.$.kind}`)} · ${t(`category.${block.$.category}`)}`),
    ...(distance == null ? [] : [fact('distance', t('evidence.distance-value', { n: distance }))]),
    ...(block.$.note ? [fact('block-note', block.$.note)] : []),
    fact('times', String(hits.length)),
    ...(account ? [fact('earlier-hits', String(earlier))] : []),
    ...(earlier > 0 ? [fact('strike', t('evidence.strike-value'))] : []),
  ];
}

/** It was not what it looked like: what the blocks forbid of it ends, and lists have it again. */
async function release({ em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>, hit: HashHit): Promise<void> {
  if (hit.targetKind === 'dataset-item') {
    await em.nativeUpdate(DatasetItem, { id: hit.targetId ?? '' }, { heldAt: null });
  }
  const target = targetOf(hit);
  if (!target) return;
  for (const source of await hashSources(em, target.kind, target.id)) await restrict(em, target, source, 0, now());
  const post = target.kind === 'image' ? (await em.findOne(Image, target.id))?.post.id : undefined;
  if (post !== undefined) await relistPost({ em, jobs }, await em.findOneOrFail(Post, post));
}
