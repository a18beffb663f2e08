import type { EntityManager } from '@mikro-orm/core';
import { Account, handle } from '../../accounts/model.ts';
import { Model, ModelFile, ModelVersion } from '../../catalogue/model.ts';
import { Bounty, BountyEntry } from '../../economy/bounties/model.ts';
import { assertSees } from '../../gallery/access.ts';
import { assertSeesCollection } from '../../gallery/collections/access.ts';
import { Collection } from '../../gallery/collections/model.ts';
import { Comment, Image, Post } from '../../gallery/model.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { findPictures, type TalkKind } from '../../gallery/talk-pictures/hold.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { isId } from '../../kit/ids.ts';
import type { Viewer } from '../../kit/work.ts';
import type { PolicyTarget } from '../../safety/policy.ts';
import { REPORTED_KINDS, type ReportedKind } from './model.ts';

export interface ThingName {
  readonly kind: ReportedKind;
  readonly id: string;
}

/** What people report and moderators look at, whatever it is. */
export interface Thing extends ThingName {
  /** In the words of its author, '' where it has none. */
  readonly title: string;
  readonly text: string;
  readonly url: string;
  readonly ownerId: number;
  readonly owner: string;
  readonly isOwnerLocal: boolean;
  /** Null for comments, reviews, bounties and entries, which are withheld by a time of their own. */
  readonly target: PolicyTarget | null;
  /** Rating bits; 0 where it has none. */
  readonly level: number;
  /** At most 20. */
  readonly imageIds: readonly number[];
  /** SHA-256 of its bytes, at most 50. */
  readonly hashes: readonly string[];
  /** Deleted by its owner. */
  readonly isGone: boolean;
}

/** `image:12` as it stands in addresses; null for what cannot be one. */
export function readThingName(text: string): ThingName | null {
  const [, kind, id = ''] = /^([a-z]+):([0-9a-f-]{1,36})$/.exec(text) ?? [];
  const known = REPORTED_KINDS.find((one) => one === kind);
  if (!known) return null;
  const isText = known === 'comment' || known === 'review' || known === 'bounty' || known === 'entry';
  const isGood = isText ? isId(id) : /^[1-9]\d{0,9}$/.test(id) && Number(id) <= 2_147_483_647;
  return isGood ? { kind: known, id } : null;
}

/** Throws `not_found` for what does not exist or is not for this viewer, `gone` and `withheld` as its page does. */
export async function assertMayReport(em: EntityManager, viewer: Viewer, { kind, id }: ThingName): Promise<void> {
  if (kind === 'account') {
    if (!(await em.count(Account, { id: Number(id), state: { $ne: 'deleted' } }))) throw nothing();
  } else if (kind === 'collection') await assertSeesCollection(em, viewer, Number(id));
  else if (kind === 'comment' || kind === 'review' || kind === 'bounty') await assertSees(em, viewer, { kind, id });
  else if (kind === 'entry') await assertSeesEntry(em, viewer, id);
  else await assertSees(em, viewer, { kind, id: Number(id) });
}

async function assertSeesEntry(em: EntityManager, viewer: Viewer, id: string): Promise<void> {
  const entry = await em.findOne(BountyEntry, { id, withdrawnAt: null, heldAt: null, withheldAt: null });
  if (!entry) throw nothing();
  await assertSees(em, viewer, { kind: 'bounty', id: entry.bounty.id });
}

const nothing = () => new AppError('not_found', 'There is nothing at this address.');

const MOST_HASHES = 50;
const MOST_IMAGES = 20;

/** Whoever may see it; null when there is no row of it any more. */
export async function findThing(em: EntityManager, name: ThingName): Promise<Thing | null> {
  const facts = await FINDERS[name.kind](em, name.id);
  if (!facts) return null;
  const { owner, ...rest } = facts;
  return {
    ...{ text: '', target: null, level: 0, imageIds: [], hashes: [], isGone: false },
    ...name,
    ...rest,
    ownerId: owner.id,
    owner: handle(owner),
    isOwnerLocal: owner.host === '',
  };
}

type Facts = Pick<Thing, 'title' | 'url'> &
  Partial<Pick<Thing, 'text' | 'target' | 'level' | 'imageIds' | 'hashes' | 'isGone'>> & { readonly owner: Account };

/** What stands beside words. */
async function picturesOf(
  em: EntityManager,
  { kind, id }: { readonly kind: TalkKind; readonly id: string },
): Promise<Pick<Thing, 'imageIds' | 'hashes' | 'level'>> {
  const images = await findPictures(em, { kind, id });
  return {
    imageIds: images.map((image) => image.id),
    hashes: images.flatMap(({ sha256 }) => sha256 ?? []),
    level: images.reduce((levels, { level }) => levels | level, 0),
  };
}

const FINDERS: Readonly<Record<ReportedKind, (em: EntityManager, id: string) => Promise<Facts | null>>> = {
  async model(em, id) {
    const model = await em.findOne(Model, Number(id), { populate: ['owner'] });
    if (!model) return null;
    return {
      ...{ title: model.name, text: model.description, url: `/models/${id}`, owner: model.owner.$ },
      ...{ target: { kind: 'model', id: model.id }, level: model.level, isGone: model.deletedAt != null },
      imageIds: model.coverImageId ? [model.coverImageId] : [],
      hashes: await fileHashes(em, { version: { model: model.id } }),
    };
  },
  async version(em, id) {
    const version = await em.findOne(ModelVersion, Number(id), { populate: ['model.owner'] });
    const model = version?.model.$;
    if (!version || !model) return null;
    return {
      ...{ title: `${model.name} · ${version.name}`, text: version.changelog, url: `/versions/${id}` },
      ...{ owner: model.owner.$, target: { kind: 'version', id: version.id }, level: model.level },
      isGone: model.deletedAt != null || version.state === 'deleted',
      hashes: await fileHashes(em, { version: version.id }),
    };
  },
  async image(em, id) {
    const image = await em.findOne(Image, Number(id), { populate: ['owner', 'post'] });
    if (!image) return null;
    return {
      ...{ title: image.altText || image.post.$.title, text: image.caption, url: `/images/${id}` },
      ...{ owner: image.owner.$, target: { kind: 'image', id: image.id }, level: image.level },
      ...{ imageIds: [image.id], hashes: image.sha256 ? [image.sha256] : [], isGone: image.deletedAt != null },
    };
  },
  async post(em, id) {
    const post = await em.findOne(Post, Number(id), { populate: ['owner'] });
    if (!post) return null;
    const images = await em.find(
      Image,
      { post: post.id, deletedAt: null },
      { orderBy: { position: 'asc' }, limit: MOST_IMAGES },
    );
    return {
      ...{ title: post.title, text: post.caption, url: `/posts/${id}`, owner: post.owner.$, level: post.level },
      ...{ target: { kind: 'post', id: post.id }, isGone: post.deletedAt != null },
      imageIds: images.map((image) => image.id),
      hashes: images.flatMap(({ sha256 }) => sha256 ?? []),
    };
  },
  async comment(em, id) {
    const comment = await em.findOne(Comment, id, { populate: ['author'] });
    if (!comment) return null;
    return {
      ...{ title: '', text: comment.text, url: `/comments/${id}`, owner: comment.author.$ },
      ...(await picturesOf(em, { kind: 'comment', id })),
      isGone: comment.deletedAt != null,
    };
  },
  async review(em, id) {
    const review = await em.findOne(Review, id, { populate: ['author'] });
    if (!review) return null;
    return {
      ...{ title: '', text: review.text, url: `/reviews/${id}`, owner: review.author.$ },
      ...(await picturesOf(em, { kind: 'review', id })),
      isGone: review.deletedAt != null,
    };
  },
  async bounty(em, id) {
    const bounty = await em.findOne(Bounty, id, { populate: ['owner'] });
    if (!bounty) return null;
    const found = await rows<{ image_id: number }>(
      em,
      'select image_id from bounty_reference where bounty_id = ? order by position',
      [id],
    );
    const sentIn = await picturesOf(em, { kind: 'bounty', id });
    return {
      ...{ title: bounty.title, text: bounty.text, url: `/bounties/${id}`, owner: bounty.owner.$, ...sentIn },
      imageIds: [...sentIn.imageIds, ...found.map(({ image_id: imageId }) => imageId)],
      isGone: bounty.owner.$.state === 'deleted',
    };
  },
  async entry(em, id) {
    const entry = await em.findOne(BountyEntry, id, { populate: ['account'] });
    if (!entry) return null;
    const images = entry.post
      ? await em.find(
          Image,
          { post: entry.post.id, deletedAt: null },
          { orderBy: { position: 'asc' }, limit: MOST_IMAGES },
        )
      : [];
    return {
      ...{ title: '', text: entry.text, url: `/bounties/${entry.bounty.id}#entry-${id}`, owner: entry.account.$ },
      imageIds: images.map((image) => image.id),
      hashes: entry.version ? await fileHashes(em, { version: entry.version.id }) : [],
      isGone: entry.withdrawnAt != null,
    };
  },
  async collection(em, id) {
    const collection = await em.findOne(Collection, Number(id), { populate: ['owner'] });
    if (!collection) return null;
    return {
      ...{ title: collection.name, text: collection.description, url: `/collections/${id}` },
      ...{ owner: collection.owner.$, target: { kind: 'collection', id: collection.id } },
      isGone: collection.deletedAt != null,
    };
  },
  async account(em, id) {
    const account = await em.findOne(Account, Number(id));
    if (!account) return null;
    return {
      ...{ title: account.displayName || account.name, text: account.bio, url: `/${handle(account)}`, owner: account },
      ...{ target: { kind: 'account', id: account.id }, isGone: account.state === 'deleted' },
      hashes: [account.avatarSha256, account.bannerSha256].flatMap((one) => one ?? []),
    };
  },
};

async function fileHashes(em: EntityManager, where: object): Promise<string[]> {
  const files = await em.find(ModelFile, where, { fields: ['sha256'], orderBy: { id: 'asc' }, limit: MOST_HASHES });
  return files.map(({ sha256 }) => sha256);
}

const MOST_SNAPSHOT_TEXT = 4_000;

/** What the thing was, to be kept with a report. */
export const snapshotOf = ({ kind, id, title, text, url, owner, level, imageIds, hashes }: Thing) => ({
  ...{ kind, id, url, owner, level, imageIds, hashes },
  title: title.slice(0, 300),
  text: text.slice(0, MOST_SNAPSHOT_TEXT),
});
export type Snapshot = ReturnType<typeof snapshotOf>;
