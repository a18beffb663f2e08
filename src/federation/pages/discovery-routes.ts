import Router from '@koa/router';
import { anyone } from '../../accounts/access/guard.ts';
import { Account } from '../../accounts/model.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { avatarUrl } from '../../accounts/profile/header.ts';
import { Model } from '../../catalogue/model.ts';
import { Comment, Post } from '../../gallery/model.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { State } from '../../kit/web/state.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, nodeActorUri, readOwnUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import {
  buildNodeInfo,
  buildNodeInfoLinks,
  buildWebFinger,
  type NodeInfoVersion,
  nodeInfoType,
  readResource,
} from '../vocabulary/discovery.ts';

const DAY_MS = 86_400_000;

/** How other servers find people here, and what they learn about the node. */
export function discoveryOfPeers(federation: Federation): Router<State> {
  const { origin, host, settings, version } = federation;
  const routes = new Router<State>();

  routes.get('/.well-known/webfinger', anyone, async (ctx) => {
    ctx.set('Access-Control-Allow-Origin', '*');
    const { resource } = ctx.query;
    if (typeof resource !== 'string') throw new AppError('malformed', 'Say which resource.');
    const account = await findSubject(ctx.state.work.em, resource);
    if (!account) throw new AppError('not_found', 'There is no such account here.');
    const isNode = account === 'node';
    const avatar = isNode ? null : avatarUrl(account);
    const subject = isNode
      ? { name: host.replace(/[^a-z0-9_.-]/gi, '_'), actorUri: nodeActorUri(origin), profileUrl: `${origin}/about` }
      : { name: account.name, actorUri: actorUri(origin, account), profileUrl: `${origin}/@${account.name}` };
    ctx.body = JSON.stringify(
      buildWebFinger({
        ...subject,
        host,
        avatar: avatar === null ? null : { url: `${origin}${avatar}`, mediaType: 'image/webp' },
        subscribeTemplate: `${origin}/search?q={uri}`,
      }),
    );
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

  async function findSubject(em: Work['em'], text: string): Promise<Account | 'node' | null> {
    const resource = readResource(text);
    if (!resource) throw new AppError('malformed', 'This is neither a handle nor an address.');
    if ('acct' in resource) {
      const { name } = resource.acct;
      if (resource.acct.host !== host) return null;
      if (name.toLowerCase() === host) return 'node';
      return em.findOne(Account, { host: '', name: name.toLowerCase(), state: 'active' });
    }
    const { url } = resource;
    if (url === nodeActorUri(origin)) return 'node';
    const named = readOwnUri(origin, url);
    const [, handle] = url.startsWith(`${origin}/@`) ? [null, url.slice(origin.length + 2)] : [];
    const name = named?.kind === 'account' ? named.name : handle;
    return name === undefined ? null : em.findOne(Account, { host: '', name: name.toLowerCase(), state: 'active' });
  }
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
