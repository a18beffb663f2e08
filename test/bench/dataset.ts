import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import { BAND_COLUMNS, BANDS } from '../../src/discovery/similar/bands.ts';
import { readConfig } from '../../src/kit/config.ts';
import { openNode } from '../../src/node.ts';

const SIZES = {
  full: { models: 100_000, images: 1_000_000, uploadBytes: 8_000_000_000 },
  ci: { models: 20_000, images: 200_000, uploadBytes: 256_000_000 },
} as const;
export type Size = (typeof SIZES)[keyof typeof SIZES];

/** The model that a fifth of all pictures are made with, and its version. */
export const POPULAR = 1;

/** The size that BENCH_SIZE names; `full` is the size that the goals are stated for. */
export const benchSize = (): Size => SIZES[process.env.BENCH_SIZE === 'ci' ? 'ci' : 'full'];

const WORDS =
  'ink wash valley neon city portrait analog film anime watercolor castle forest robot dragon ocean night'.split(' ');
const word = (n: string) =>
  `substr('${WORDS.map((text) => text.padEnd(10)).join('')}', 1 + 10 * ((${n}) % ${WORDS.length}), 10)`;
const words = (n: string) =>
  `trim(${word(n)}) || ' ' || trim(${word(`${n} / 7`)}) || ' ' || trim(${word(`${n} / 31`)})`;

/**
 * A folder with a node's SQLite database of this size. It is made in bulk SQL once, kept outside of the repository, and
 * made anew when the schema or this file changes; the time that takes is never part of a figure.
 */
export async function datasetFolder(size: Size): Promise<string> {
  const folder = join(tmpdir(), `tessera-bench-${datasetKey(new URL(import.meta.url), size)}`);
  if (existsSync(folder)) return folder;

  const draft = `${folder}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft);
  const node = await openNode(readConfig({ DATA_DIR: draft, LOG_LEVEL: 'silent', ENGINE: 'none' }));
  await node.close();
  const startedAt = performance.now();
  await fill(join(draft, 'tessera.sqlite'), size);
  renameSync(draft, folder);
  console.error(
    `made ${size.models} models and ${size.images} images in ${Math.round((performance.now() - startedAt) / 1000)} s`,
  );
  return folder;
}

/** Changes with the schema, with the file that makes the data, and with its size. */
export function datasetKey(maker: URL, size: unknown): string {
  const schema = readFileSync(new URL('../../src/kit/database/schema.sqlite.sql', import.meta.url));
  const hash = createHash('sha256').update(schema).update(readFileSync(maker)).update(JSON.stringify(size));
  return hash.digest('hex').slice(0, 12);
}

/** A database file for SQL in bulk. */
export async function openFile(path: string): Promise<{ run(sql: string): Promise<void>; close(): Promise<void> }> {
  const db = await new Promise<sqlite3.Database>((done, fail) => {
    const opened: sqlite3.Database = new sqlite3.Database(path, (error) => (error ? fail(error) : done(opened)));
  });
  return {
    run: (sql) => new Promise<void>((done, fail) => db.exec(sql, (error) => (error ? fail(error) : done()))),
    close: () => new Promise<void>((done, fail) => db.close((error) => (error ? fail(error) : done()))),
  };
}

/** What lies in the database of such a folder. */
export async function readRows<Row>(folder: string, sql: string): Promise<Row[]> {
  const path = join(folder, 'tessera.sqlite');
  const db = await new Promise<sqlite3.Database>((done, fail) => {
    const opened: sqlite3.Database = new sqlite3.Database(path, (error) => (error ? fail(error) : done(opened)));
  });
  const found = await new Promise<Row[]>((done, fail) =>
    db.all<Row>(sql, (error, list) => (error ? fail(error) : done(list))),
  );
  await new Promise<void>((done) => db.close(() => done()));
  return found;
}

async function fill(path: string, { models, images }: Size): Promise<void> {
  const { run, close } = await openFile(path);
  /** An id of `i` for row `i` of the series of this number. */
  const uuid = (serial: number) => `printf('00000000-0000-7000-800${serial}-%012x', i)`;
  const series = (count: number) =>
    `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})`;
  const accounts = Math.ceil(models / 50);
  // one thing a minute, the newest last
  const at = (n: string, total: number) => `1767225600000 - (${total} - ${n}) * 20000`;
  // a tenth of all things are talked of at the moment
  const trend = 'case when (i / 3) % 10 = 1 then (i * 7919) % 1000 end';
  const placeholder = `'data:image/webp;base64,UklGRjoAAABXRUJQVlA4IC4AAACwAQCdASoIAAYAAkA4JZQAAudZt7gAAP7+0gvDpVkWXRuMcRD0hN3rcoAAAAA='`;
  await run('pragma synchronous = off; pragma journal_mode = off; pragma foreign_keys = off; begin');
  await run(`${series(accounts)} insert into account (id, host, name, display_name, bio, links, permissions, created_at)
    select i, '', 'person' || i, 'Person ' || i, '', '[]', 7, 1700000000000 from n`);
  await run(`insert into tag (id, name) values ${WORDS.map((name, index) => `(${index + 1}, '${name}')`).join(', ')}`);
  await run(`${series(models)} insert into model (id, owner_id, name, type, description, state, published_at, listed_at, shown_at, is_local, level,
      base_model, cover_image_id, allow_commercial_use, download_count, thumbs_up_count, image_count, trend_score, created_at, updated_at)
    select i, 1 + i % ${accounts}, ${words('i')} || ' ' || i, case i % 5 when 0 then 'Checkpoint' else 'LORA' end,
      'Trained on ' || ${words('i * 3')}, 'published', ${at('i', models)}, ${at('i', models)}, ${at('i', models)}, 1, case when i % 10 = 0 then 4 else 1 end,
      case i % 3 when 0 then 'SD 1.5' when 1 then 'SDXL 1.0' else 'Pony' end, i, '["Image"]', (i * 7919) % 100000, (i * 104729) % 5000,
      ${Math.round(images / models)}, ${trend}, ${at('i', models)}, ${at('i', models)} from n`);
  await run(`${series(models)} insert into model_version (id, model_id, name, base_model, trained_words, training_settings, state, published_at, created_at, updated_at)
    select i, i, 'v1.0', case i % 3 when 0 then 'SD 1.5' when 1 then 'SDXL 1.0' else 'Pony' end, '["style' || i || '"]', '{}', 'published',
      ${at('i', models)}, ${at('i', models)}, ${at('i', models)} from n`);
  await run(`${series(models)} insert into model_file (id, version_id, name, format, is_primary, total_bytes, sha256, pickle_scan_result, created_at)
    select i, i, 'model' || i || '.safetensors', 'SafeTensor', 1, 144000000, lower(hex(randomblob(32))), 'Success', ${at('i', models)} from n`);
  await run(`${series(models)} insert into model_tag (model_id, tag_id) select i, 1 + i % ${WORDS.length} from n`);
  // one post for each model with a tenth of the images each, so that both lists are long
  await run(`${series(models)} insert into post (id, owner_id, version_id, title, state, published_at, listed_at, shown_at, is_local, level, image_count, created_at, updated_at)
    select i, 1 + i % ${accounts}, i, ${words('i * 5')}, 'published', ${at('i', models)} + 7000, ${at('i', models)} + 7000, ${at('i', models)} + 7000, 1,
      case when i % 10 = 0 then 4 else 1 end, ${Math.round(images / models)}, ${at('i', models)}, ${at('i', models)} from n`);
  await run(`${series(images)} insert into image (id, post_id, owner_id, position, sha256, media_type, width, height, level, alt_text, placeholder, blur_hash,
      listed_at, shown_at, is_local, like_count, trend_score, rendered_at, created_at, has_recipe, recipe)
    select i, 1 + (i - 1) % ${models}, 1 + (1 + (i - 1) % ${models}) % ${accounts}, i / ${models}, lower(hex(randomblob(32))), 'image/png', 832, 1216,
      case when i % 10 = 0 then 4 else 1 end, ${words('i')}, ${placeholder}, 'UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH',
      ${at('i', images)}, ${at('i', images)}, 1, (i * 7919) % 3000, ${trend}, 1767225600000, ${at('i', images)}, 1, '{"prompt":"' || ${words('i * 11')} || '"}' from n`);
  await run(`${series(images)} insert into resource_use (id, image_id, position, kind, name, hash, version_id, model_id)
    select ${uuid(1)}, i, 0, 'lora', 'style', null, 1 + (i - 1) % ${models}, 1 + (i - 1) % ${models} from n`);
  // and one LoRA that a fifth of all pictures use
  await run(`${series(Math.round(images / 5))} insert into resource_use (id, image_id, position, kind, name, hash, version_id, model_id)
    select ${uuid(2)}, 5 * i, 1, 'lora', 'style', null, ${POPULAR}, ${POPULAR} from n`);
  // rare tags beside the common ones, each of one model
  const rare = Math.round(models / 5);
  await run(`${series(rare)} insert into tag (id, name) select ${WORDS.length} + i, ${words('i')} || ' ' || i from n`);
  await run(`${series(rare)} insert into model_tag (model_id, tag_id) select i, ${WORDS.length} + i from n`);
  await fillLooks(run, series, images);
  await run(`insert into search_model (rowid, name, words, body) select id, name, base_model, description from model;
    insert into search_image (rowid, name, words, body) select id, alt_text, '', json_extract(recipe, '$.prompt') from image;
    insert into search_account (rowid, name, words, body) select id, name || ' ' || display_name, '', '' from account`);
  await run('commit; analyze');
  await close();
}

/** Ten pictures each look alike, differing in up to three hex digits of their hash; others differ by chance alone. */
async function fillLooks(
  run: (sql: string) => Promise<void>,
  series: (count: number) => string,
  images: number,
): Promise<void> {
  const digit = (at: string) => `(instr('0123456789abcdef', substr(h, ${at}, 1)) - 1)`;
  const bands = Array.from({ length: BANDS }, (_, n) => {
    const digits = [0, 1, 2, 3].map((place) => `${digit(`${n * 4 + place + 1}`)} * ${16 ** (3 - place)}`);
    return `${digits.join(' + ')} - 32768`;
  });
  const changed = (h: string, at: string) =>
    `substr(${h}, 1, ${at}) || substr('0123456789abcdef', 1 + abs(random() % 16), 1) || substr(${h}, ${at} + 2)`;
  for (const column of BAND_COLUMNS) await run(`drop index image_look_${column}_index`);
  await run(`create temp table likeness (c integer primary key, h text);
    ${series(Math.ceil(images / 10))} insert into likeness select i - 1, lower(hex(randomblob(32))) from n`);
  await run(`create temp table looks (i integer primary key, h text);
    ${series(images)} insert into looks select i, case i % 3
        when 0 then h when 1 then ${changed('h', '(i * 7 % 63)')} else ${changed(`(${changed('h', '(i * 5 % 63)')})`, '(i * 11 % 63)')} end
      from n join likeness on c = (i - 1) / 10`);
  await run(
    `insert into image_look (image_id, hash, ${BAND_COLUMNS.join(', ')}) select i, h, ${bands.join(', ')} from looks`,
  );
  for (const column of BAND_COLUMNS) await run(`create index image_look_${column}_index on image_look (${column})`);
  await run('update image set pdq = (select h from looks where i = image.id); drop table looks; drop table likeness');
}
