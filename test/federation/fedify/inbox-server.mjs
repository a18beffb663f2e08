// The least that a Fedify server can be and still do what an inbox must: verify, read, write the activity down before it
// answers. Its keys are remembered in memory, which is the fastest store that Fedify has.

import { DatabaseSync } from 'node:sqlite';
import { createFederation, MemoryKvStore } from '@fedify/fedify';
import { Activity, Person } from '@fedify/vocab';
import { serve } from './serve.mjs';

const database = new DatabaseSync(process.env.DATABASE_FILE);
// In its favour: ours waits until each commit is on the disk. Here the whole process would stand still meanwhile, which
// says nothing about Fedify.
database.exec('pragma journal_mode = wal; pragma synchronous = normal');
database.exec('create table inbox_item (uri text primary key, type text not null, document text not null)');
const insert = database.prepare('insert into inbox_item (uri, type, document) values (?, ?, ?) on conflict do nothing');

const federation = createFederation({ kv: new MemoryKvStore(), allowPrivateAddress: true });
federation.setActorDispatcher('/users/{identifier}', (ctx, identifier) =>
  identifier === 'alice'
    ? new Person({
        id: ctx.getActorUri(identifier),
        preferredUsername: identifier,
        inbox: ctx.getInboxUri(identifier),
      })
    : null,
);
federation.setInboxListeners('/users/{identifier}/inbox', '/inbox').on(Activity, async (_ctx, activity) => {
  // the document as it came, which Fedify keeps with what it read
  insert.run(activity.id?.href ?? '', activity.constructor.name, JSON.stringify(await activity.toJsonLd()));
});

await serve('127.0.0.1', Number(process.env.PORT), (request) =>
  new URL(request.url).pathname === '/healthz'
    ? new Response('ok')
    : federation.fetch(request, { contextData: undefined }),
);
