import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model, ModelFile, ModelVersion } from '../../catalogue/model.ts';
import { Collection } from '../../gallery/collections/model.ts';
import { Image, Post } from '../../gallery/model.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import type { PolicyTarget } from '../../safety/policy.ts';
import { actorUri, objectUri } from '../addresses.ts';

/** What a notice is about, as peers know it. */
export interface NoticeSubject {
  readonly objectUri: string;
  readonly owner: Account;
  /** Of the ledger: the thing and what it is made of. */
  readonly subjects: readonly string[];
  /** SHA-256 of its files, hex. */
  readonly digests: readonly string[];
  /** Of the files in whose place these are. */
  readonly replaced: readonly string[];
}

/** Null for what is of elsewhere, where only a report can be sent, and for what is not there. */
export async function findNoticeSubject(
  em: EntityManager,
  origin: string,
  { kind, id }: PolicyTarget,
): Promise<NoticeSubject | null> {
  const ownerOf = (accountId: number) => em.findOneOrFail(Account, accountId);
  switch (kind) {
    case 'model': {
      const model = await em.findOne(Model, { id, isLocal: true });
      if (!model) return null;
      const versions = (await em.find(ModelVersion, { model })).map((version) => version.id);
      return {
        objectUri: objectUri(origin, 'model', model),
        owner: await ownerOf(model.owner.id),
        subjects: [`model:${id}`, ...versions.map((one) => `version:${one}`)],
        ...(await filesOf(em, versions)),
      };
    }
    case 'version': {
      const version = await em.findOne(ModelVersion, { id, uri: null }, { populate: ['model'] });
      if (!version) return null;
      const model = version.model.$;
      return {
        // peers hold the model whole: it is told again, without the version
        objectUri: objectUri(origin, 'model', model),
        owner: await ownerOf(model.owner.id),
        subjects: [`model:${model.id}`, `version:${id}`],
        ...(await filesOf(em, [id])),
      };
    }
    case 'post': {
      const post = await em.findOne(Post, { id, isLocal: true });
      if (!post) return null;
      const images = await em.find(Image, { post });
      return {
        objectUri: objectUri(origin, 'post', post),
        owner: await ownerOf(post.owner.id),
        subjects: [`post:${id}`, ...images.map((image) => `image:${image.id}`)],
        digests: images.flatMap(({ sha256 }) => sha256 ?? []),
        replaced: [],
      };
    }
    case 'image': {
      const image = await em.findOne(Image, { id, isLocal: true });
      if (!image) return null;
      return {
        objectUri: objectUri(origin, 'image', image),
        owner: await ownerOf(image.owner.id),
        // it went out as part of its post
        subjects: [`image:${id}`, `post:${image.post.id}`],
        digests: image.sha256 ? [image.sha256] : [],
        replaced: [],
      };
    }
    case 'collection': {
      const collection = await em.findOne(Collection, { id, uri: null });
      if (!collection) return null;
      return {
        objectUri: `${origin}/collections/${id}`,
        owner: await ownerOf(collection.owner.id),
        ...{ subjects: [`collection:${id}`], digests: [], replaced: [] },
      };
    }
    case 'account': {
      const account = await em.findOne(Account, { id, host: '' });
      return (
        account && { objectUri: actorUri(origin, account), owner: account, subjects: [], digests: [], replaced: [] }
      );
    }
  }
}

async function filesOf(
  em: EntityManager,
  versionIds: readonly number[],
): Promise<Pick<NoticeSubject, 'digests' | 'replaced'>> {
  const files = await em.find(ModelFile, { version: { $in: [...versionIds] } }, { fields: ['sha256', 'replaces'] });
  return {
    digests: [...new Set(files.map(({ sha256 }) => sha256))],
    replaced: [...new Set(files.flatMap(({ replaces }) => replaces ?? []))],
  };
}

/** Who had it by the ledger, and where its owner's followers are: copies from before the ledger lie there. */
export async function listExposedHosts(
  em: EntityManager,
  { subjects, owner }: Pick<NoticeSubject, 'subjects' | 'owner'>,
): Promise<string[]> {
  const found = await rows<{ host: string }>(
    em,
    `select distinct host from exposure where subject in (${inList(subjects)})
     union select distinct a.host from follow f join account a on a.id = f.follower_id
       where f.target_id = ? and f.state = 'accepted' and a.host <> ''`,
    [...subjects, owner.id],
  );
  return found.map(({ host }) => host);
}
