import Router from '@koa/router';
import { anyone } from '../../accounts/access/guard.ts';
import { Account } from '../../accounts/model.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { avatarUrl } from '../../accounts/profile/header.ts';
import { Model } from '../../catalogue/model.ts';
import { Comment, Post } from '../../gallery/model.ts';
import type { Topic } from '../../gallery/topics/topic.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { State } from '../../kit/web/state.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, nodeActorName, nodeActorUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { findTopicByName, findTopicByPath, topicActorUri } from '../topics/addresses.ts';
import {
  buildHostMeta,
  buildHostMetaJson,
  buildNodeInfo,
  buildNodeInfoLinks,
  buildWebFinger,
  type NodeInfoVersion,
  nodeInfoType,
  readResource,
} from '../vocabulary/discovery.ts';
import { findLocalAccount } from './local-account.ts';

const DAY_MS = 86_400_000;

/** How other servers find people here, and what they learn about the node. */
export function discoveryOfPeers(federation: Federation): Router<State> {
  const { origin, host, settings, version } = federation;
  const routes = new Router<State>();

  routes.get('/.well-known/webfinger', anyone, async (ctx) => {
    ctx.set('Access-Control-Allow-Origin', '*');
    const { resource, rel = [] } = ctx.query;
    if (typeof resource !== 'string') throw new AppError('malformed', 'Say which resource.');
    const subject = await findSubject(ctx.state.work.em, resource);
    if (!subject) throw new AppError('not_found', 'There is no such account here.');
    const { avatar } = subject;
    const view = {
      ...subject,
      host,
      avatar: avatar === null ? null : { url: `${origin}${avatar}`, mediaType: 'image/webp' },
      subscribeTemplate: `${origin}/authorize_interaction?uri={uri}`,
    };
    ctx.set('Cache-Control', 'public, max-age=3600');
    ctx.body = JSON.stringify(buildWebFinger(view, [rel].flat()));
    ctx.type = 'application/jrd+json; charset=utf-8';
  });

  routes.get('/.well-known/host-meta', anyone, (ctx) => {
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.set('Cache-Control', 'public, max-age=86400');
    ctx.body = buildHostMeta(origin);
    ctx.type = 'application/xrd+xml; charset=utf-8';
  });

  routes.get('/.well-known/host-meta.json', anyone, (ctx) => {
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.body = JSON.stringify(buildHostMetaJson(origin));
    ctx.type = 'application/jrd+json; charset=utf-8';
  });

  routes.get('/.well-known/nodeinfo', anyone, (ctx) => {
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.body = buildNodeInfoLinks(origin);
  });

  routes.get('/nodeinfo/:version', anyone, async (ctx) => {
    const asked = ctx.params.version as NodeInfoVersion;
    if (asked !== '2.0' && asked !== '2.1') throw new AppError('not_found', 'There is no such version.');
    const { em, now } = ctx.state.work;
    // a number tells nothing of what is for few (P03)
    const listed = { listedAt: { $ne: null } };
    const { name, description, signUpMode } = await settings.read(em, nodeSettings);
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.set('Cache-Control', 'public, max-age=1800');
    ctx.body = JSON.stringify(
      buildNodeInfo(asked, {
        version,
        repositoryUrl: null,
        title: name,
        description,
        claimUrl: `${origin}/claims/new`,
        isOpen: signUpMode === 'open' || signUpMode === 'approval',
        accounts: {
          total: await em.count(Account, { host: '', state: 'active' }),
          activeMonth: await countActive(em, new Date(now().getTime() - 30 * DAY_MS)),
          activeHalfyear: await countActive(em, new Date(now().getTime() - 182 * DAY_MS)),
        },
        localPosts:
          (await em.count(Post, { isLocal: true, ...listed })) + (await em.count(Model, { isLocal: true, ...listed })),
        localComments: await em.count(Comment, {
          ...{ isLocal: true, deletedAt: null, audience: 'page' },
          $or: [{ model: listed }, { post: listed }, { image: listed }],
        }),
      }),
    );
    ctx.type = nodeInfoType(asked);
  });

  return routes;

  /** Every form in which somebody may ask for one of ours: handle, page and actor, in any case; a topic too. */
  async function findSubject(em: Work['em'], text: string): Promise<Subject | null> {
    const resource = readResource(text);
    if (!resource) throw new AppError('malformed', 'This is neither a handle nor an address.');
    const name = 'acct' in resource ? nameOfHandle(resource.acct) : nameOfAddress(resource.url);
    if (name === NODE) {
      return { name: nodeActorName(host), actorUri: nodeActorUri(origin), profileUrl: `${origin}/about`, avatar: null };
    }
    const topic = name === null ? await findTopicByAddress(em, resource) : await findTopicByName(em, name);
    if (topic) {
      const profileUrl = `${origin}${topic.url}`;
      return { name: topic.name, actorUri: topicActorUri(origin, topic), profileUrl, avatar: null };
    }
    const account = name === null ? null : await findLocalAccount(em, name);
    if (account?.state === 'deleted') throw new AppError('gone', 'This account was deleted.');
    if (account?.state !== 'active') return null;
    const profileUrl = `${origin}/@${account.name}`;
    return { name: account.name, actorUri: actorUri(origin, account), profileUrl, avatar: avatarUrl(account) };
  }

  async function findTopicByAddress(em: Work['em'], resource: object): Promise<Topic | null> {
    if (!('url' in resource)) return null;
    const url = new URL(String(resource.url));
    return url.origin === origin && url.search === '' ? findTopicByPath(em, url.pathname) : null;
  }

  function nameOfHandle({ name, host: asked }: { name: string; host: string }): string | typeof NODE | null {
    const { protocol } = new URL(origin);
    // as a URL, so that `:443` and international names are read as everybody reads them
    const address = `${protocol}//${asked}`;
    if (!URL.canParse(address) || new URL(address).host !== host) return null;
    const isNode = name.toLowerCase() === nodeActorName(host) || name.toLowerCase() === host;
    return isNode ? NODE : name;
  }

  function nameOfAddress(address: string): string | typeof NODE | null {
    const url = new URL(address);
    if (url.origin !== origin || url.search !== '') return null;
    if (url.pathname === '/' || url.pathname === '/actor') return NODE;
    const [, name, asked] = /^\/(?:@|users\/)([\w.-]{1,64})(?:@([^/@]{1,255}))?\/?$/.exec(url.pathname) ?? [];
    return name === undefined || (asked !== undefined && asked.toLowerCase() !== host) ? null : name;
  }
}

const NODE = Symbol('the node itself');

interface Subject {
  readonly name: string;
  readonly actorUri: string;
  readonly profileUrl: string;
  readonly avatar: string | null;
}

/** Who published or said something since. */
async function countActive(em: Work['em'], since: Date): Promise<number> {
  const [found] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from (select owner_id from post where is_local = ? and created_at >= ?
       union select owner_id from model where is_local = ? and created_at >= ?
       union select author_id from comment where is_local = ? and created_at >= ?) x`,
    [true, since, true, since, true, since],
  );
  return toNumber(found?.n);
}
