import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Webhook } from '../../../src/api/webhooks/model.ts';
import { DatasetItem } from '../../../src/compute/datasets/model.ts';
import { GenerationImage } from '../../../src/compute/model.ts';
import { TrainingEpoch } from '../../../src/compute/training/model.ts';
import { StatDay } from '../../../src/discovery/statistics/model.ts';
import { newId } from '../../../src/kit/ids.ts';
import { Transfer, TransferItem } from '../../../src/transfer/import/model.ts';
import { formOf, givenTinyModel, readEvents, type Studio } from '../../compute/studio.ts';
import { givenTraining } from '../../compute/trainings.ts';
import { picture } from '../art.ts';
import { idIn, type People, type Peopled, type Person } from './people.ts';

interface Given {
  readonly studio: Studio;
  readonly site: Peopled;
  readonly people: People;
}

/** Pictures that were generated, a set, a LoRA that was trained on it, and a merge that was published. */
export async function fillTools({ studio, people: { ada } }: Omit<Given, 'site'>) {
  const { checkpoint, node, em, workAs } = studio;
  const done = async (location: string) => {
    assert.equal((await readEvents(ada.browser, `${location}/events`)).at(-1)?.event, 'done');
    return idIn(location);
  };
  const generation = await ada.send('/generate', formOf(checkpoint, { prompt: 'many', count: '2' }));

  const setUrl = await ada.send('/datasets', { name: 'Ink wash' });
  const form = new FormData();
  for (const n of [41, 42]) {
    form.append('pictures', new Blob([new Uint8Array(await picture(n, { width: 512, height: 512 }))]), `${n}.png`);
    form.append('pictures', new Blob(['ink, circles']), `${n}.txt`);
  }
  assert.equal((await ada.browser.postForm(`${setUrl}/images`, form)).status, 302);
  const datasetId = idIn(setUrl);
  const run = await givenTraining(node, workAs(studio.ada), String(checkpoint.id), { steps: 12 });

  const other = await givenTinyModel(em, node.files, 'tiny-base', 'Checkpoint', 'Other Shapes');
  const recipe = { kind: 'checkpoint', name: 'Both shapes', method: 'weighted_sum', alpha: '0.3', dtype: 'fp16' };
  const merge = await ada.send('/merge', { ...recipe, a: String(checkpoint.id), b: String(other.id) });
  const second = await ada.send('/merge', {
    ...recipe,
    a: String(other.id),
    b: String(checkpoint.id),
    'block-M00': '0.9',
  });
  const [generationId, mergeId] = [await done(generation), await done(merge)];
  await done(second);
  await done(`/train/${run.id}`);
  const words = { name: 'Both Shapes', versionName: 'v1', description: 'Half of each.', rating: '1', act: 'publish' };
  const mergedModelId = Number(await ada.make(`${second}/publish`, words));
  const made = await em.fork().find(GenerationImage, { generation: generationId });
  const [item] = await em.fork().find(DatasetItem, { dataset: datasetId }, { orderBy: { position: 1 } });
  assert.ok(item);
  // what was trained on has no small picture of its own
  const { thumbSha256 = null, thumbBytes } = item;
  await em.fork().nativeUpdate(DatasetItem, { dataset: run.dataset?.id ?? '' }, { thumbSha256, thumbBytes });
  const { id: epochId } = await em.fork().findOneOrFail(TrainingEpoch, { run: run.id, number: 1 });
  const chosen = { base: String(checkpoint.id), a: String(checkpoint.id), b: String(other.id) };
  return {
    ...{
      generationId,
      resultIds: made.map(({ id }) => id),
      datasetId,
      itemId: item.id,
      runId: run.id,
      epochId,
      mergeId,
    },
    ...{ mergedModelId, chosen, baseVersionId: checkpoint.version.id },
  };
}

const APP = {
  client_name: 'Picture frame',
  redirect_uris: ['https://frame.example/back'],
  token_endpoint_auth_method: 'none',
} as const;

/** What came of Ada's work for two months, and what she brings in, takes out and lets programs do. */
export async function fillSettings({ studio, site, people: { ada } }: Given) {
  const { em, ada: account, clock, settle, address } = studio;
  const fork = em.fork();
  for (let n = 0; n < 60; n += 1) {
    const day = new Date(clock.now().getTime() - n * 86_400_000).toISOString().slice(0, 10);
    const some = (step: number) => Math.round(20 + 15 * Math.sin(n / step));
    for (const modelId of [0, site.model.id]) {
      const figures = { downloads: some(5), generations: some(3), pictures: some(9) % 7, likes: some(4) % 5 };
      fork.create(
        StatDay,
        {
          account: account.id,
          modelId,
          day,
          ...figures,
          followers: n % 3,
          followersInAll: modelId ? null : n < 40 ? 1 : 0,
        },
        { persist: true },
      );
    }
  }
  const transferId = newId();
  const at = { createdAt: clock.now(), updatedAt: clock.now() };
  fork.create(
    Transfer,
    {
      id: transferId,
      account: account.id,
      source: 'civitai',
      place: 'civitai.example',
      who: 'ada',
      state: 'choosing',
      notes: ['2 models are for members of that site alone.'],
      ...at,
    },
    { persist: true },
  );
  for (const [position, kind, title] of [
    [0, 'profile', 'ada'],
    [1, 'model', 'Old Ink'],
    [2, 'post', 'Before there was a node'],
  ] as const) {
    fork.create(
      TransferItem,
      { id: newId(), transfer: transferId, position, kind, title, totalBytes: position * 144_000_000, plan: {} },
      { persist: true },
    );
  }
  await fork.flush();
  await ada.send('/settings/export');
  await ada.send('/settings/tokens', { label: 'Notebook', scopes: ['read', 'write:models'], days: '90' });
  await ada.send('/settings/webhooks', { url: 'https://hooks.example/in', events: ['model.published', 'job.ended'] });
  const webhook = await em.fork().findOneOrFail(Webhook, { account: account.id });
  await ada.send(`/settings/webhooks/${webhook.id}/test`);
  const consent = await connectApp(address, ada);
  await ada.send(`/accounts/${site.jo.id}/mute`, { on: '1' });
  await settle();
  return { transferId, webhookId: webhook.id, consentUrl: `/oauth/authorize?${consent}` };
}

/** An app asks, is allowed and has its token; returns the question, which it may ask again. */
async function connectApp(address: URL, person: Person): Promise<URLSearchParams> {
  const post = async (path: string, body: string | URLSearchParams) =>
    (await (await fetch(new URL(path, address), { method: 'POST', body })).json()) as { client_id?: string };
  const verifier = 'v'.repeat(64);
  const { client_id = '' } = await post('/oauth/register', JSON.stringify(APP));
  const asked = { client_id, redirect_uri: APP.redirect_uris[0] };
  const consent = {
    ...{ ...asked, response_type: 'code', state: 'x', scope: 'read generate', code_challenge_method: 'S256' },
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  };
  const code =
    new URL(await person.send('/oauth/authorize', { ...consent, act: 'allow' })).searchParams.get('code') ?? '';
  const token = { ...asked, grant_type: 'authorization_code', code, code_verifier: verifier };
  await post('/oauth/token', new URLSearchParams(token));
  return new URLSearchParams(consent);
}
