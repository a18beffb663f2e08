import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model, ModelFile, ModelVersion } from '../../catalogue/model.ts';
import { listShutVersions, loadRestrictions } from '../../catalogue/publish.ts';
import { listModelTags } from '../../catalogue/tags.ts';
import { Comment, Image, Post } from '../../gallery/model.ts';
import { listPostTags } from '../../gallery/posts/tags.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { countShares } from '../../gallery/shares.ts';
import { rows } from '../../kit/database/sql.ts';
import { escapeHtml } from '../../kit/web/filters.ts';
import { renderMarkdown, renderRemoteHtml } from '../../kit/web/markdown.ts';
import { isNarrower } from '../../safety/audience.ts';
import { isForbidden } from '../../safety/standing.ts';
import { actorUri, objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { topicActorUri } from '../topics/addresses.ts';
import { talkFields } from '../vocabulary/collection.ts';
import { type Document, withContext } from '../vocabulary/context.ts';
import { detailsField, type Parent } from '../vocabulary/details.ts';
import { buildModel, type VersionView } from '../vocabulary/model.ts';
import { buildComment, buildPost } from '../vocabulary/note.ts';
import type { TagLink } from '../vocabulary/tags.ts';
import { type Answered, circleOfComment, circleOfModel, circleOfPost, type Place } from './circle.ts';
import { fileDetails, modelDetails, parentsOf, versionDetails } from './details.ts';
import { listPictures, listPreviews, listTalkPictures } from './pictures.ts';
import { countReplies } from './replies.ts';

type Site = Pick<Federation, 'origin' | 'host'>;

const tagLinks = (origin: string, names: readonly string[]): TagLink[] =>
  names.map((name) => ({ name: name.replaceAll(' ', '_'), url: `${origin}/tags/${encodeURIComponent(name)}` }));

const hashtags = (tags: readonly TagLink[]): string =>
  tags
    .map(({ name, url }) => `<a href="${escapeHtml(url)}" class="mention hashtag" rel="tag">#${escapeHtml(name)}</a>`)
    .join(' ');

/** A published model of ours, with its published versions and their files. */
export async function modelDocument({ origin, host }: Site, em: EntityManager, model: Model): Promise<Document> {
  const owner = await em.findOneOrFail(Account, model.owner.id);
  const uri = objectUri(origin, 'model', model);
  const tagNames = await listModelTags(em, model.id);
  const tags = tagLinks(origin, tagNames);
  const shut = await listShutVersions(em, model.id);
  const published = await em.find(ModelVersion, { model, state: 'published' }, { orderBy: { position: 1 } });
  const versions = published.filter(({ id }) => !shut.has(id));
  const files = await em.find(ModelFile, { version: { $in: versions.map(({ id }) => id) } }, { orderBy: { id: 1 } });
  const parents = await parentsOf(
    origin,
    em,
    versions.map(({ id }) => id),
  );
  const restrictions = await loadRestrictions(em, owner.id, model.id);
  const render = model.isLocal ? renderMarkdown : renderRemoteHtml;
  const head = `<p><strong>${escapeHtml(model.name)}</strong> — ${escapeHtml(model.type)} · ${escapeHtml(model.baseModel)}</p>`;
  const foot = `<p><a href="${uri}">${escapeHtml(uri)}</a> ${hashtags(tags)}</p>`;
  const credit = model.creditLine === '' ? '' : `<p>Credit: ${escapeHtml(model.creditLine)}</p>`;
  const previews = await listPreviews({ origin }, em, await previewIds(em, model));
  return withContext({
    ...buildModel({
      uri,
      ownerUri: actorUri(origin, owner),
      url: uri,
      publishedAt: model.publishedAt ?? model.createdAt,
      updatedAt: model.updatedAt,
      contentHtml: `${head}${render(model.description)}${credit}${foot}`,
      audience: (await circleOfModel({ origin, host }, em, model)).audience,
      tags,
      mentions: [],
      rating: model.level,
      warning: null,
      likeCount: model.thumbsUpCount,
      replyCount: await countReplies(em, 'model', model.id),
      shareCount: await countShares(em, { kind: 'model', id: model.id }),
      title: model.name,
      downloadCount: model.downloadCount,
      feedUri: feedOf(origin, model),
      previews,
      modelType: model.type,
      licenseId: model.licenseId === '' ? null : model.licenseId,
      permissions: {
        commercialUse: isForbidden(restrictions, 'commercial') ? [] : [...model.allowCommercialUse],
        derivatives: model.allowDerivatives && !isForbidden(restrictions, 'derive'),
        differentLicence: model.allowDifferentLicense,
        creditRequired: !model.allowNoCredit,
        generation: !model.forbidsGeneration && !isForbidden(restrictions, 'generate'),
      },
      details: modelDetails(model),
      versions: versions.map((version) =>
        versionView(
          origin,
          version,
          files.filter((file) => file.version.id === version.id),
          parents.get(version.id) ?? [],
        ),
      ),
    }),
    // the description alone, for readers who show type, files and tags in their own way
    source: { mediaType: 'text/html', content: render(model.description) },
    ...detailsField({ tags: tagNames.length === 0 ? undefined : tagNames }),
  });
}

/** Only of what is public: nothing else can be followed. */
function feedOf(origin: string, { id, isLocal, listedAt, feedUri }: Model): string | null {
  if (!isLocal) return feedUri ?? null;
  return listedAt == null ? null : topicActorUri(origin, { url: `/models/${id}` });
}

async function previewIds(em: EntityManager, model: Model): Promise<number[]> {
  const found = await rows<{ id: number }>(
    em,
    `select i.id from image i join post p on p.id = i.post_id join model_version v on v.id = p.version_id
       join model m on m.id = v.model_id
     where v.model_id = ? and p.owner_id = ? and i.shown_at is not null and (i.listed_at is not null
       or p.visibility = m.visibility or (p.visibility = 'unlisted' and m.visibility = 'followers')) order by v.position, p.id, i.position limit 4`,
    [model.id, model.owner.id],
  );
  const ids = found.map(({ id }) => id);
  return ids.length === 0 && model.coverImageId != null ? [model.coverImageId] : ids;
}

function versionView(
  origin: string,
  version: ModelVersion,
  files: readonly ModelFile[],
  parents: readonly Parent[],
): VersionView {
  return {
    uri: objectUri(origin, 'version', version),
    versionName: version.name,
    baseModel: version.baseModel,
    trainedWords: version.trainedWords,
    publishedAt: version.publishedAt ?? null,
    changelogHtml:
      version.changelog === '' ? '' : (version.uri == null ? renderMarkdown : renderRemoteHtml)(version.changelog),
    details: versionDetails(version, parents),
    files: files.map((file) => ({
      url: file.remoteUrl ?? `${origin}/api/download/models/${version.id}${file.isPrimary ? '' : `?fileId=${file.id}`}`,
      name: file.name,
      totalBytes: file.totalBytes,
      hashes: Object.fromEntries(
        Object.entries({
          sha256: file.sha256,
          autov1: file.autoV1,
          autov2: file.sha256.slice(0, 10),
          autov3: file.tensorSha256?.slice(0, 12),
          tensor: file.tensorSha256,
          blake3: file.blake3,
          crc32: file.crc32,
        }).filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1].length >= 8),
      ),
      details: fileDetails(file),
    })),
  };
}

/** A post of ours. Its pictures must be rendered: see `isRendered`. */
export async function postDocument({ origin, host }: Site, em: EntityManager, post: Post): Promise<Document> {
  const owner = await em.findOneOrFail(Account, post.owner.id);
  const version = post.version && (await em.findOne(ModelVersion, post.version.id, { populate: ['model'] }));
  const tagNames = await listPostTags(em, post.id);
  const tags = tagLinks(origin, tagNames);
  const uri = objectUri(origin, 'post', post);
  const { audience, mentions } = await circleOfPost({ origin, host }, em, post);
  const document = buildPost({
    uri,
    ownerUri: actorUri(origin, owner),
    url: uri,
    publishedAt: post.publishedAt ?? post.createdAt,
    updatedAt: post.updatedAt,
    contentHtml: [
      post.title === '' ? '' : `<p><strong>${escapeHtml(post.title)}</strong></p>`,
      post.caption === '' ? '' : renderMarkdown(post.caption),
      tags.length === 0 ? '' : `<p>${hashtags(tags)}</p>`,
    ].join(''),
    audience,
    tags,
    mentions,
    rating: post.level || 2,
    warning: null,
    likeCount: post.likeCount,
    replyCount: await countReplies(em, 'post', post.id),
    shareCount: await countShares(em, { kind: 'post', id: post.id }),
    title: post.title === '' ? null : post.title,
    pictures: await listPictures({ origin }, em, post.id),
  });
  const model = version?.model.$;
  // a gallery that fewer people see than the post is not named
  const isSeen = model?.state === 'published' && !isNarrower(model.visibility, post.visibility);
  const context = version?.state === 'published' && isSeen ? objectUri(origin, 'version', version) : null;
  return withContext({
    ...document,
    ...(context === null ? {} : { context }),
    source: { mediaType: 'text/html', content: post.caption === '' ? '' : renderMarkdown(post.caption) },
    ...detailsField({ tags: tagNames.length === 0 ? undefined : tagNames }),
  });
}

/** One picture by its own address, as a note of its own. */
export async function imageDocument(site: Site, em: EntityManager, image: Image): Promise<Document> {
  const post = await em.findOneOrFail(Post, image.post.id);
  const whole = await postDocument(site, em, post);
  const uri = objectUri(site.origin, 'image', image);
  const attachment = (whole.attachment as Document[]).filter(({ id }) => id === uri);
  return {
    ...whole,
    ...{ id: uri, url: uri, attachment, context: whole.id, rating: image.level },
    ...talkFields(uri, {
      replyCount: await countReplies(em, 'image', image.id),
      likeCount: image.likeCount,
      shareCount: await countShares(em, { kind: 'image', id: image.id }),
    }),
  };
}

/** True when every picture of the post has its sizes, or never will. */
export async function isRendered(em: EntityManager, postId: number): Promise<boolean> {
  return (await em.count(Image, { post: postId, deletedAt: null, renderedAt: null, renderError: null })) === 0;
}

/** When words or their pictures last changed; null when neither did. */
export function laterOf(
  { createdAt, editedAt }: Pick<Comment, 'createdAt'> & { readonly editedAt?: Date | null | undefined },
  picturesAt: Date | null,
): Date | null {
  const at = Math.max(editedAt?.getTime() ?? 0, picturesAt?.getTime() ?? 0);
  return at > createdAt.getTime() ? new Date(at) : (editedAt ?? null);
}

/** A comment of ours: what it answers, and whose that is. */
export async function commentDocument(site: Site, em: EntityManager, comment: Comment): Promise<Document> {
  const { origin } = site;
  const author = await em.findOneOrFail(Account, comment.author.id);
  const target = await commentTarget(origin, em, comment);
  const { audience, mentions } = await circleOfComment(site, em, comment, target);
  const uri = objectUri(origin, 'comment', comment);
  const { pictures, rating, changedAt } = await listTalkPictures(site, em, { kind: 'comment', id: comment.id });
  return withContext(
    buildComment({
      uri,
      ownerUri: actorUri(origin, author),
      url: uri,
      publishedAt: comment.createdAt,
      updatedAt: laterOf(comment, changedAt),
      contentHtml: renderMarkdown(comment.text),
      audience,
      tags: [],
      mentions,
      ...{ pictures, rating, warning: null },
      likeCount: comment.likeCount,
      replyCount: await countReplies(em, 'comment', comment.id),
      shareCount: await countShares(em, { kind: 'comment', id: comment.id }),
      inReplyToUri: target.uri,
    }),
  );
}

/** What a comment answers by its wire id, and whom: the parent's author, or the owner of the page. */
export async function commentTarget(
  origin: string,
  em: EntityManager,
  comment: Comment,
): Promise<Answered & { uri: string }> {
  const page = await pageOf(origin, em, comment);
  const pageOwner = await em.findOneOrFail(Account, page.ownerId);
  const review = comment.review && (await em.findOneOrFail(Review, comment.review.id, { populate: ['model.owner'] }));
  const owners = { pageOwner, ...(review ? { modelOwner: review.model.$.owner.$ } : {}) };
  const parent = comment.parent && (await em.findOne(Comment, comment.parent.id, { populate: ['author'] }));
  if (!parent) return { uri: page.uri, owner: pageOwner, ...owners };
  return { uri: objectUri(origin, 'comment', parent), owner: parent.author.$, ...owners };
}

/** The model, post, image or review that something of the gallery hangs on. */
export async function pageOf(origin: string, em: EntityManager, row: Place): Promise<{ uri: string; ownerId: number }> {
  if (row.review) {
    const review = await em.findOneOrFail(Review, row.review.id);
    return { uri: objectUri(origin, 'review', review), ownerId: review.author.id };
  }
  if (row.model) {
    const model = await em.findOneOrFail(Model, row.model.id);
    return { uri: objectUri(origin, 'model', model), ownerId: model.owner.id };
  }
  if (row.image) {
    const image = await em.findOneOrFail(Image, row.image.id, { populate: ['post'] });
    // pictures of servers that give them no id of their own are named by their post
    const uri = image.uri?.includes('#picture-') ? (image.post.$.uri ?? '') : objectUri(origin, 'image', image);
    return { uri, ownerId: image.owner.id };
  }
  const post = await em.findOneOrFail(Post, row.post?.id ?? 0);
  return { uri: objectUri(origin, 'post', post), ownerId: post.owner.id };
}
