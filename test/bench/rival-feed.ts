// The bare page that ours is compared with: Koa, the same template with the same props, and one prepared query.
// Nothing else: no settings, no session, no router, no log.
import { join } from 'node:path';
import Koa from 'koa';
import sqlite3 from 'sqlite3';
import { type FeedRow, feedItems, feedQuery } from '../../src/discovery/feed.ts';
import { renderPage } from '../../src/kit/web/views.ts';

const eyes = { levels: 1, blurLevels: 0 };
const page = {
  node: { name: 'Tessera', description: '' },
  viewer: null,
  path: '/',
  theme: 'system' as const,
  signUp: true,
};
const { sql, values } = feedQuery(eyes, { scope: 'here', viewerId: null });
const db = new sqlite3.Database(join(process.env.DATA_DIR ?? '', 'tessera.sqlite'), sqlite3.OPEN_READONLY);
const statement = db.prepare(sql);
const bound = values.map((value) => (value === true ? 1 : value));

const app = new Koa();
app.use(async (ctx) => {
  if (ctx.path === '/healthz') {
    ctx.body = 'ok';
    return;
  }
  const found = await new Promise<FeedRow[]>((done, fail) =>
    statement.all<FeedRow>(bound, (error, result) => (error ? fail(error) : done(result))),
  );
  ctx.type = 'text/html; charset=utf-8';
  ctx.body = renderPage('discovery/home', page, {
    scopes: [],
    items: feedItems(found.slice(0, 32), eyes),
    moreUrl: '/?cursor=1_1',
    welcome: true,
    emptyTitle: '',
    emptyText: '',
    emptyLabel: '',
    emptyHref: '',
  });
});
app.listen(Number(process.env.PORT), '127.0.0.1');
