// The bare page of a model: Koa, the same template with the same props, and one prepared query for what differs from
// model to model. What a page says of every model here alike (licence, permissions, labels) is read once.
import { join } from 'node:path';
import Koa from 'koa';
import sqlite3 from 'sqlite3';
import { loadModelPage } from '../../src/discovery/model/page.ts';
import type { ModelPage } from '../../src/discovery/model/props.ts';
import { readConfig } from '../../src/kit/config.ts';
import { renderPage } from '../../src/kit/web/views.ts';
import { openNode } from '../../src/node.ts';

const dataDir = process.env.DATA_DIR ?? '';
const page = {
  node: { name: 'Tessera', description: '' },
  viewer: null,
  theme: 'system' as const,
  signUp: true,
};
const node = await openNode(readConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'silent', ENGINE: 'none' }));
const alike: ModelPage = await loadModelPage(node.openWork(null), 1, {});
await node.close();

interface Row {
  id: number;
  name: string;
  description: string;
  owner_name: string;
  display_name: string;
  download_count: number;
  version_id: number;
  trained_words: string;
  sha256: string;
  total_bytes: number;
  pictures: string;
}

const db = new sqlite3.Database(join(dataDir, 'tessera.sqlite'), sqlite3.OPEN_READONLY);
const statement =
  db.prepare(`select m.id, m.name, m.description, m.download_count, a.name as owner_name, a.display_name,
    v.id as version_id, v.trained_words, f.sha256, f.total_bytes,
    (select json_group_array(json_array(i.id, i.width, i.height, i.placeholder, i.alt_text, i.like_count))
     from resource_use r join image i on i.id = r.image_id
     where r.version_id = v.id and i.listed_at is not null and (i.level & 1) <> 0) as pictures
  from model m join account a on a.id = m.owner_id join model_version v on v.model_id = m.id
    join model_file f on f.version_id = v.id
  where m.id = ?`);

const app = new Koa();
app.use(async (ctx) => {
  if (ctx.path === '/healthz') {
    ctx.body = 'ok';
    return;
  }
  const row = await new Promise<Row>((done, fail) =>
    statement.get<Row>([Number(ctx.path.slice(8))], (error, result) => (error ? fail(error) : done(result as Row))),
  );
  const owner = { ...alike.owner, name: row.owner_name, displayName: row.display_name, url: `/@${row.owner_name}` };
  const url = `/models/${row.id}`;
  const gallery = (JSON.parse(row.pictures) as [number, number, number, string, string, number][]).map(
    ([id, width, height, blur, alt, likeCount]) => ({
      ...{ id, url: `/images/${id}`, width, height, blur, alt, likeCount, owner },
      ...{ sensitive: false, rating: 'PG', caption: '', imageCount: 1 },
    }),
  );
  const props: ModelPage = {
    ...{ ...alike, id: row.id, name: row.name, url, owner, description: row.description, gallery },
    version: { ...alike.version, id: row.version_id, words: JSON.parse(row.trained_words) },
    covers: gallery.slice(0, 8),
    page: { ...alike.page, title: row.name, description: row.description, canonical: url },
  };
  ctx.type = 'text/html; charset=utf-8';
  ctx.body = renderPage('discovery/model', { ...page, path: ctx.path, ...props.page }, props);
});
app.listen(Number(process.env.PORT), '127.0.0.1');
