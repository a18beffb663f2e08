import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model, ModelVersion } from '../../catalogue/model.ts';
import type { Review } from '../../gallery/reviews/model.ts';
import { renderMarkdown } from '../../kit/web/markdown.ts';
import { actorUri, objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { type Document, withContext } from '../vocabulary/context.ts';
import { buildReview } from '../vocabulary/review.ts';
import { type Circle, circleOfComment } from './circle.ts';
import { laterOf } from './objects.ts';
import { listTalkPictures } from './pictures.ts';
import { countReplies } from './replies.ts';

type Site = Pick<Federation, 'origin' | 'host'>;

/** Whom a review is for: those who see the model, as a comment below it. */
export async function circleOfReview(site: Site, em: EntityManager, review: Review): Promise<Circle> {
  const model = await em.findOneOrFail(Model, review.model.id);
  const owner = await em.findOneOrFail(Account, model.owner.id);
  const { id, author, model: page } = review;
  const place = { id, author, audience: 'page' as const, model: page, post: null, image: null, review: null };
  return circleOfComment(site, em, place, { owner, pageOwner: owner });
}

/** A review of ours. */
export async function reviewDocument(site: Site, em: EntityManager, review: Review): Promise<Document> {
  const { origin } = site;
  const author = await em.findOneOrFail(Account, review.author.id);
  const version = await em.findOneOrFail(ModelVersion, review.version.id);
  const model = await em.findOneOrFail(Model, review.model.id);
  const { audience, mentions } = await circleOfReview(site, em, review);
  const uri = objectUri(origin, 'review', review);
  const { pictures, rating, changedAt } = await listTalkPictures(site, em, { kind: 'review', id: review.id });
  return withContext(
    buildReview({
      uri,
      ownerUri: actorUri(origin, author),
      url: uri,
      publishedAt: review.createdAt,
      updatedAt: laterOf(review, changedAt),
      ...{ pictures, rating },
      isRecommended: review.isRecommended,
      subject: `${model.name} · ${version.name}`,
      textHtml: review.text === '' ? '' : renderMarkdown(review.text),
      modelUri: objectUri(origin, 'model', model),
      versionUri: objectUri(origin, 'version', version),
      likeCount: review.likeCount,
      replyCount: await countReplies(em, 'review', review.id),
      audience,
      mentions,
    }),
  );
}
