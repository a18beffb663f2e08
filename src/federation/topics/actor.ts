import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import type { Topic } from '../../gallery/topics/topic.ts';
import { escapeHtml } from '../../kit/web/filters.ts';
import { renderMarkdown } from '../../kit/web/markdown.ts';
import { t } from '../../kit/web/messages.ts';
import { loadKeyPair } from '../actors/keys.ts';
import { actorUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { NODE_ACTOR } from '../model.ts';
import type { Document } from '../vocabulary/context.ts';
import { buildTopic } from '../vocabulary/topic.ts';
import { topicActorUri, topicFollowersUri } from './addresses.ts';
import { findCover } from './cover.ts';

/**
 * The actor that tells of a topic. It has the node's key under an id of its own: a pair of keys for each model would be
 * tens of thousands of secrets that nobody asked for (Manyfold has them, and a second object beside each model, which
 * spec/federation.md, section 5, advises against), and whoever could forge the node's signature could forge theirs.
 */
export async function topicDocument(federation: Federation, em: EntityManager, topic: Topic): Promise<Document> {
  const { origin, host } = federation;
  const uri = topicActorUri(origin, topic);
  const keys = await loadKeyPair(federation, em, NODE_ACTOR);
  const owner = topic.ownerId === null ? null : await em.findOneOrFail(Account, topic.ownerId);
  const page = `${origin}${topic.url}`;
  const cover = await findCover(em, topic);
  const about =
    topic.kind === 'tag'
      ? `<p>${escapeHtml(t('topic.tag-text', { tag: topic.title, host }))}</p>`
      : renderMarkdown(topic.description);
  return buildTopic({
    uri,
    kind: topic.kind,
    topicUri: page,
    ownerUri: owner && actorUri(origin, owner),
    name: topic.name,
    displayName: topic.title,
    summaryHtml: `${about}<p><a href="${escapeHtml(page)}">${escapeHtml(page)}</a></p>`,
    url: page,
    inboxUri: `${uri}/inbox`,
    outboxUri: `${uri}/outbox`,
    followersUri: topicFollowersUri(origin, topic),
    followingUri: null,
    sharedInboxUri: `${origin}/inbox`,
    featuredUri: null,
    icon: cover && { url: `${origin}${cover.path}`, mediaType: cover.mediaType },
    banner: null,
    fields: [],
    approvesFollowers: false,
    isDiscoverable: true,
    isIndexable: true,
    alsoKnownAs: [],
    movedTo: null,
    createdAt: topic.since,
    rsaPublicPem: keys.rsaPublicPem,
    ed25519PublicMultibase: keys.ed25519PublicMultibase,
  });
}
