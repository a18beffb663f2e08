import { z } from 'zod';
import { LD_JSON } from '../fetch-document.ts';
import { readId } from '../origin.ts';
import type { Document } from './context.ts';

export interface WebFingerView {
  readonly name: string;
  /** Of the handle: `name@host`. */
  readonly host: string;
  readonly actorUri: string;
  readonly profileUrl: string;
  readonly avatar: { readonly url: string; readonly mediaType: string } | null;
  /** With `{uri}` in it, for "follow from another server". */
  readonly subscribeTemplate: string;
}

const SUBSCRIBE = 'http://ostatus.org/schema/1.0/subscribe';

/** RFC 7033. The subject is canonical, whatever was asked for; with `rels`, only links of those kinds (4.3). */
export function buildWebFinger(view: WebFingerView, rels: readonly string[] = []): Document {
  const links = linksOf(view);
  return {
    subject: `acct:${view.name}@${view.host}`,
    aliases: [view.profileUrl, view.actorUri],
    links: rels.length === 0 ? links : links.filter(({ rel }) => rels.includes(String(rel))),
  };
}

function linksOf(view: WebFingerView): Document[] {
  return [
    { rel: 'self', type: 'application/activity+json', href: view.actorUri },
    { rel: 'http://webfinger.net/rel/profile-page', type: 'text/html', href: view.profileUrl },
    ...(view.avatar === null
      ? []
      : [{ rel: 'http://webfinger.net/rel/avatar', type: view.avatar.mediaType, href: view.avatar.url }]),
    { rel: SUBSCRIBE, template: view.subscribeTemplate },
  ];
}

/** RFC 6415, for the few that look there first: where WebFinger is. */
export function buildHostMeta(origin: string): string {
  const template = `${origin}/.well-known/webfinger?resource={uri}`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0"><Link rel="lrdd" template="${template}"/></XRD>
`;
}

export function buildHostMetaJson(origin: string): Document {
  return { links: [{ rel: 'lrdd', template: `${origin}/.well-known/webfinger?resource={uri}` }] };
}

/** `acct:name@host`, or the URL of an actor or profile; null when it is neither. */
export function readResource(resource: string): { acct: { name: string; host: string } } | { url: string } | null {
  if (resource.length > 2048 || /\p{Cc}/u.test(resource)) return null;
  const [, name, host] = /^(?:acct:)?@?([^@/\s:]{1,64})@([^@/\s]{1,255})$/i.exec(resource) ?? [];
  if (name !== undefined && host !== undefined) return { acct: { name, host: host.toLowerCase() } };
  return /^https?:\/\//.test(resource) && URL.canParse(resource) ? { url: resource } : null;
}

const Jrd = z.object({
  subject: z.string().max(2048),
  links: z.array(z.unknown()).max(100),
});
const SelfLink = z.object({ rel: z.literal('self'), type: z.string().max(200), href: z.string().max(2048) });
const ACTOR_TYPES: ReadonlySet<string> = new Set(['application/activity+json', LD_JSON.toLowerCase()]);

export interface FoundHandle {
  readonly name: string;
  readonly host: string;
  readonly actorUri: string;
}

/**
 * Reads a peer's answer. The caller asks again when `host` differs from the one that answered, and checks that the
 * actor's own WebFinger leads back to it: a host speaks for its own handles only (O26). Null when it names no actor.
 */
export function parseWebFinger(jrd: unknown, ownOrigin: string): FoundHandle | null {
  const parsed = Jrd.safeParse(jrd);
  if (!parsed.success) return null;
  const subject = readResource(parsed.data.subject);
  if (!subject || !('acct' in subject)) return null;
  for (const link of parsed.data.links) {
    const self = SelfLink.safeParse(link);
    if (!self.success || !ACTOR_TYPES.has(self.data.type.toLowerCase())) continue;
    if (readId(self.data.href, ownOrigin)) return { ...subject.acct, actorUri: self.data.href };
  }
  return null;
}

const SubscribeLink = z.object({ rel: z.literal(SUBSCRIBE), template: z.string().max(2048) });

/**
 * The page of a peer on which its people follow somebody of elsewhere, for this `subject`; null when the peer names none, or
 * one that is no web address.
 */
export function readSubscribeUrl(jrd: unknown, subject: string, ownOrigin: string): URL | null {
  const parsed = z.object({ links: z.array(z.unknown()).max(100) }).safeParse(jrd);
  for (const link of parsed.success ? parsed.data.links : []) {
    const found = SubscribeLink.safeParse(link);
    if (!found.success || !found.data.template.includes('{uri}')) continue;
    const filled = found.data.template.replaceAll('{uri}', encodeURIComponent(subject));
    if (!URL.canParse(filled)) continue;
    const url = new URL(filled);
    const isPlain = ownOrigin.startsWith('http:') && url.protocol === 'http:';
    if ((url.protocol === 'https:' || isPlain) && url.username === '' && url.password === '') return url;
  }
  return null;
}

export interface NodeInfoView {
  readonly version: string;
  readonly repositoryUrl: string | null;
  readonly title: string;
  readonly description: string;
  /** Where anybody asks for a thing to be taken down. */
  readonly claimUrl: string;
  readonly isOpen: boolean;
  readonly accounts: { readonly total: number; readonly activeMonth: number; readonly activeHalfyear: number };
  readonly localPosts: number;
  readonly localComments: number;
}

export type NodeInfoVersion = '2.0' | '2.1';
const SCHEMA = 'http://nodeinfo.diaspora.software/ns/schema/';

/** `/.well-known/nodeinfo`. */
export function buildNodeInfoLinks(origin: string): Document {
  const versions: NodeInfoVersion[] = ['2.0', '2.1'];
  return { links: versions.map((version) => ({ rel: SCHEMA + version, href: `${origin}/nodeinfo/${version}` })) };
}

/** The content type that goes with `buildNodeInfo`. */
export function nodeInfoType(version: NodeInfoVersion): string {
  return `application/json; profile="${SCHEMA}${version}#"; charset=utf-8`;
}

export function buildNodeInfo(version: NodeInfoVersion, view: NodeInfoView): Document {
  const { accounts } = view;
  const repository = version === '2.1' && view.repositoryUrl !== null ? { repository: view.repositoryUrl } : {};
  return {
    version,
    software: { name: 'tessera', version: view.version, ...repository },
    protocols: ['activitypub'],
    services: { inbound: [], outbound: [] },
    openRegistrations: view.isOpen,
    usage: {
      users: {
        total: rounded(accounts.total),
        activeMonth: rounded(accounts.activeMonth),
        activeHalfyear: rounded(accounts.activeHalfyear),
      },
      localPosts: rounded(view.localPosts),
      localComments: rounded(view.localComments),
    },
    metadata: {
      ...{ nodeName: view.title, nodeDescription: view.description },
      takedowns: { form: view.claimUrl, receipts: true, version: 1 },
    },
  };
}

/** Two figures: exact counts would tell who came and went. */
function rounded(count: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, count))) - 1);
  return Math.round(count / unit) * unit;
}
