import type { EntityManager } from '@mikro-orm/core';
import type { Account } from '../../accounts/model.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { avatarUrl } from '../../accounts/profile/header.ts';
import { escapeHtml } from '../../kit/web/filters.ts';
import { renderMarkdown } from '../../kit/web/markdown.ts';
import { loadKeyPair } from '../actors/keys.ts';
import { actorUri, nodeActorName, nodeActorUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { NODE_ACTOR } from '../model.ts';
import { type AccountView, buildAccount } from '../vocabulary/account.ts';
import type { Document } from '../vocabulary/context.ts';

/** The actor of a person here. */
export async function accountDocument(federation: Federation, em: EntityManager, account: Account): Promise<Document> {
  const { origin } = federation;
  const uri = actorUri(origin, account);
  const keys = await loadKeyPair(federation, em, account.id);
  const avatar = avatarUrl(account);
  const banner = account.bannerSha256 ? `/media/banners/${account.id}/${account.bannerSha256}.webp` : null;
  const picture = (path: string | null) =>
    path === null ? null : { url: `${origin}${path}`, mediaType: 'image/webp' };
  const view: AccountView = {
    uri,
    type: account.kind === 'Organization' ? 'Organization' : 'Person',
    name: account.name,
    displayName: account.displayName,
    summaryHtml: account.bio === '' ? '' : renderMarkdown(account.bio),
    url: `${origin}/@${account.name}`,
    inboxUri: `${uri}/inbox`,
    outboxUri: `${uri}/outbox`,
    followersUri: `${uri}/followers`,
    followingUri: `${uri}/following`,
    sharedInboxUri: `${origin}/inbox`,
    featuredUri: `${uri}/featured`,
    icon: picture(avatar),
    banner: picture(banner),
    fields: account.links.map(({ label, url }) => ({
      name: label || url,
      valueHtml: `<a href="${escapeHtml(url)}" rel="me nofollow noopener noreferrer">${escapeHtml(url)}</a>`,
    })),
    approvesFollowers: account.isLocked,
    isDiscoverable: true,
    isIndexable: true,
    alsoKnownAs: account.aliases ?? [],
    movedTo: account.movedToUri ?? null,
    createdAt: account.createdAt,
    rsaPublicPem: keys.rsaPublicPem,
    ed25519PublicMultibase: keys.ed25519PublicMultibase,
  };
  return { ...buildAccount(view), liked: `${uri}/liked` };
}

/** The node itself: it signs what it reads, and reports. */
export async function nodeDocument(federation: Federation, em: EntityManager): Promise<Document> {
  const { origin, host, settings } = federation;
  const uri = nodeActorUri(origin);
  const keys = await loadKeyPair(federation, em, NODE_ACTOR);
  const { name, description } = await settings.read(em, nodeSettings);
  return buildAccount({
    uri,
    type: 'Application',
    name: nodeActorName(host),
    displayName: name,
    summaryHtml: description === '' ? '' : renderMarkdown(description),
    url: `${origin}/about`,
    inboxUri: `${origin}/inbox`,
    outboxUri: `${origin}/actor/outbox`,
    followersUri: null,
    followingUri: null,
    sharedInboxUri: `${origin}/inbox`,
    featuredUri: null,
    icon: null,
    banner: null,
    fields: [],
    approvesFollowers: true,
    isDiscoverable: false,
    isIndexable: false,
    alsoKnownAs: [],
    movedTo: null,
    createdAt: null,
    rsaPublicPem: keys.rsaPublicPem,
    ed25519PublicMultibase: keys.ed25519PublicMultibase,
  });
}
