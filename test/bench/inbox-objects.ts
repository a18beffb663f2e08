import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../src/kit/config.ts';
import { openNode } from '../../src/node.ts';
import { datasetKey, openFile } from './dataset.ts';

/** A folder with a node that already holds so many remote objects, and the activities that brought them. */
export async function storedObjects(count: number): Promise<string> {
  const folder = join(tmpdir(), `tessera-bench-objects-${datasetKey(new URL(import.meta.url), count)}`);
  if (existsSync(folder)) return folder;
  const draft = `${folder}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft);
  const node = await openNode(readConfig({ DATA_DIR: draft, LOG_LEVEL: 'silent', ENGINE: 'none' }));
  await node.close();
  const file = await openFile(join(draft, 'tessera.sqlite'));
  const series = `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})`;
  const uri = `'https://h' || (i % 5000) || '.example/notes/' || i`;
  const owner = `'https://h' || (i % 5000) || '.example/users/vic'`;
  const note = `'{"type":"Note","id":"' || ${uri} || '","attributedTo":"' || ${owner} || '","content":"<p>Misty valley, ink wash, and a castle that nobody has seen for a hundred years.</p>"}'`;
  const id = `lower(hex(randomblob(4))) || '-' || lower(hex(randomblob(2))) || '-7' || substr(lower(hex(randomblob(2))), 2) || '-8' || substr(lower(hex(randomblob(2))), 2) || '-' || lower(hex(randomblob(6)))`;
  const at = '1767225600000 + i';
  await file.run('pragma journal_mode = wal; pragma synchronous = off; pragma cache_size = -200000; begin');
  await file.run(`${series} insert into ap_object (id, uri, owner_uri, provenance, document, changed_at, received_at)
    select ${id}, ${uri}, ${owner}, 'inbox', ${note}, ${at}, ${at} from n`);
  await file.run(`${series} insert into inbox_item (id, uri, type, actor_uri, document, received_at, processed_at, outcome)
    select ${id}, ${uri} || '/activity', 'Create', ${owner}, '{"type":"Create"}', ${at}, ${at}, 'done' from n`);
  await file.run('commit; analyze');
  await file.close();
  renameSync(draft, folder);
  return folder;
}
