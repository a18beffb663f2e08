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

/** RFC 7033. The subject is canonical, whatever was asked for. */
export function buildWebFinger(view: WebFingerView): Document {
  return {
    subject: `acct:${view.name}@${view.host}`,
    aliases: [view.profileUrl, view.actorUri],
    links: [
      { rel: 'self', type: 'application/activity+json', href: view.actorUri },
      { rel: 'http://webfinger.net/rel/profile-page', type: 'text/html', href: view.profileUrl },
      ...(view.avatar === null
        ? []
        : [{ rel: 'http://webfinger.net/rel/avatar', type: view.avatar.mediaType, href: view.avatar.url }]),
      { rel: 'http://ostatus.org/schema/1.0/subscribe', template: view.subscribeTemplate },
    ],
  };
}

/** `acct:name@host`, or the URL of an actor or profile; null when it is neither. */
export function readResource(resource: string): { acct: { name: string; host: string } } | { url: string } | null {
  if (resource.length > 2048) return null;
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

export interface NodeInfoView {
  readonly version: string;
  readonly repositoryUrl: string | null;
  readonly title: string;
  readonly description: string;
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
    metadata: { nodeName: view.title, nodeDescription: view.description },
  };
}

/** Two figures: exact counts would tell who came and went. */
function rounded(count: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, count))) - 1);
  return Math.round(count / unit) * unit;
}
