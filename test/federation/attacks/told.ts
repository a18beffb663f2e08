import assert from 'node:assert/strict';
import { Account } from '../../../src/accounts/model.ts';
import { Model } from '../../../src/catalogue/model.ts';
import { Post } from '../../../src/gallery/model.ts';
import { givenModel, givenPost } from '../../factories/content.ts';
import { picture } from '../../gallery/painter.ts';
import { deliver } from './client.ts';
import type { Actor, Site } from './hosts.ts';
import type { World } from './world.ts';

/** What peers told N, and what N has of its own, as the cases about content and leaks need it. */

/** A post of a followed actor with its picture, as it is here after its Create. */
export async function toldPost(w: World, actor: Actor, path: string, changes: object = {}): Promise<Post> {
  const { site } = actor;
  await servePicture(site);
  const note = site.note(actor, path, changes);
  site.documents.set(path, note);
  assert.equal((await deliver(w, actor, { type: 'Create', object: note })).status, 202);
  await w.settle();
  return w.em().findOneOrFail(Post, { uri: note.id });
}

async function servePicture(site: Site): Promise<void> {
  if (site.documents.has('/p.png')) return;
  const bytes = await picture();
  site.documents.set('/p.png', (_request, response) =>
    response.writeHead(200, { 'content-type': 'image/png' }).end(bytes),
  );
}

/** A model of a followed actor; `model` and `version` change the blocks of those names. */
export async function toldModel(
  w: World,
  actor: Actor,
  path: string,
  { model = {}, version = {}, ...changes }: { model?: object; version?: object; [key: string]: unknown } = {},
): Promise<Model> {
  const { site } = actor;
  const note = site.note(actor, path, {
    ...{ kind: 'Model', name: 'Ink', attachment: [] },
    model: {
      ...{ type: 'tessera:Model', modelType: 'LORA', rating: 1 },
      versions: [
        {
          ...{ id: `${site.origin}${path}/v1`, type: 'tessera:ModelVersion', versionName: 'v1', baseModel: 'SDXL 1.0' },
          files: [
            { type: 'Document', name: 'ink.safetensors', url: `${site.origin}/file`, size: 1_000, hashes: HASHES },
          ],
          ...version,
        },
      ],
      ...model,
    },
    ...changes,
  });
  site.documents.set(path, note);
  assert.equal((await deliver(w, actor, { type: 'Create', object: note })).status, 202);
  await w.settle();
  return w.em().findOneOrFail(Model, { uri: note.id });
}

const HASHES = { sha256: 'ab'.repeat(32) };

/** A post of ours; its id. */
export async function ownPost(
  w: World,
  owner: Account,
  visibility: 'public' | 'unlisted' | 'followers' = 'public',
): Promise<number> {
  const em = w.em();
  const listedAt = visibility === 'public' ? w.now() : null;
  const post = givenPost(em, {
    owner: em.getReference(Account, owner.id),
    visibility,
    listedAt,
    caption: 'For friends',
  });
  await em.flush();
  return post.id;
}

export async function ownModel(w: World, owner: Account): Promise<number> {
  const em = w.em();
  const model = givenModel(em, { owner: em.getReference(Account, owner.id), name: 'Ink' });
  await em.flush();
  return model.id;
}
