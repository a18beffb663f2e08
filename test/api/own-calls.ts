import assert from 'node:assert/strict';
import { createECDH } from 'node:crypto';
import { WebhookDelivery } from '../../src/api/webhooks/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { Transfer, TransferItem } from '../../src/transfer/import/model.ts';
import type { Studio } from '../compute/studio.ts';
import { picture } from '../gallery/painter.ts';
import type { Caller } from './calls.ts';
import type { Json } from './shelf.ts';

/** Events of a stream that does not end by itself, until there are this many. */
async function firstEvents(api: Caller, name: string, count: number, headers: Record<string, string> = {}) {
  const answer = await api.send(name, { headers });
  assert.equal(answer.status, 200);
  api.called.add(name);
  const reader = answer.body?.getReader();
  const text = new TextDecoder();
  let seen = '';
  const found = () => [...seen.matchAll(/^id: (\d+)\nevent: (\w+)\ndata: (.*)$/gm)];
  while (reader && found().length < count) {
    const { value, done } = await reader.read();
    if (done) break;
    seen += text.decode(value, { stream: true });
  }
  await reader?.cancel();
  return found().map(([, id, event, data]) => ({ eventId: Number(id), event, ...JSON.parse(data ?? '{}') }));
}

const browserKeys = () => {
  const key = createECDH('prime256v1');
  key.generateKeys();
  return { p256dh: key.getPublicKey().toString('base64url'), auth: Buffer.alloc(16, 1).toString('base64url') };
};

/** What Ada is told of what Eve does. */
export async function notifications(
  api: Caller,
  theirs: Caller,
  site: Pick<Studio, 'settle'>,
  { modelId, postId }: { readonly modelId: number; readonly postId: number },
) {
  await theirs.call('likePost', { with: { id: postId } });
  await theirs.call('commentOnModel', { with: { id: modelId }, body: { text: 'As bright as brass.' } });
  await site.settle();
  const all = await api.call('listNotifications', { with: { unread: 'true' } });
  const first = all.items[0];
  assert.ok(all.items.length > 1 && first.unread && first.username === 'eve', JSON.stringify(all).slice(0, 300));
  const kinds = new Set(all.items.map(({ kind }: Json) => kind));
  assert.ok(kinds.has('comment') && kinds.has('like'), [...kinds].join());
  const comments = await api.call('listNotifications', { with: { kinds: 'comment' } });
  assert.deepEqual([...new Set(comments.items.map(({ kind }: Json) => kind))], ['comment']);
  const older = await api.call('listNotifications', { with: { before: first.id } });
  assert.ok(older.items.length === all.items.length - 1 && older.items.every(({ id }: Json) => id < first.id));
  assert.ok((await api.call('countUnreadNotifications')).unread > 0);
  await theirs.call('readNotification', { with: { id: first.id }, status: 404 });
  await api.call('readNotification', { with: { id: first.id } });
  assert.equal((await api.call('listNotifications')).items[0].unread, false);

  // what was missed comes first, and then what comes
  const [missed] = await firstEvents(api, 'watchNotifications', 1, { 'last-event-id': String(first.id - 1) });
  assert.deepEqual([missed.event, missed.id, missed.eventId], ['notification', first.id, first.id]);
  const [unread] = await firstEvents(api, 'watchNotifications', 1);
  assert.equal(unread.event, 'unread');
  await api.call('readNotifications', { body: { upTo: first.id } });
  assert.equal((await api.call('countUnreadNotifications')).unread, 0);
  await theirs.call('likeModel', { with: { id: modelId } });
  await site.settle();
  const news = await firstEvents(api, 'watchNotifications', 2, { 'last-event-id': String(first.id) });
  assert.deepEqual(news.map(({ event }) => event).sort(), ['notification', 'unread']);
  await api.call('readNotifications', { body: {} });

  const before = await api.call('getNotificationSettings');
  const change = { kinds: { like: { page: false } }, digest: 'weekly' };
  const after = await api.call('editNotificationSettings', { body: change });
  assert.deepEqual(after, {
    digest: 'weekly',
    kinds: { ...before.kinds, like: { ...before.kinds.like, page: false } },
  });
  await api.call('editNotificationSettings', { body: { kinds: { nonsense: {} } }, status: 400 });

  const body = { endpoint: 'https://push.example/1', keys: browserKeys(), label: 'A tool' };
  const { id } = await api.call('addPushSubscription', { body });
  assert.equal((await api.call('addPushSubscription', { body })).id, id);
  await api.call('addPushSubscription', { body: { ...body, endpoint: 'http://push.example/1' }, status: 400 });
  const { items, publicKey } = await api.call('listPushSubscriptions');
  assert.deepEqual([items.map(({ label }: Json) => label), publicKey.length > 80], [['A tool'], true]);
  await theirs.call('removePushSubscription', { with: { id }, status: 404 });
  await api.call('removePushSubscription', { with: { id } });
}

export async function webhooks(api: Caller, theirs: Caller, { em }: Pick<Studio, 'em'>) {
  const body = { url: 'https://hook.example/in', events: ['model.published', 'job.ended'] };
  await api.call('createWebhook', { body: { ...body, url: 'http://hook.example/in' }, status: 400 });
  await api.call('createWebhook', { body: { ...body, events: ['report.filed'] }, status: 400 });
  await api.call('createWebhook', { body: { ...body, nodeWide: true }, status: 403 });
  const { id, secret, events } = await api.call('createWebhook', { body });
  assert.match(secret, /^whsec_/);
  assert.deepEqual(events, body.events);
  assert.ok(!JSON.stringify(await api.call('getWebhook', { with: { id } })).includes('whsec_'));
  await theirs.call('getWebhook', { with: { id }, status: 404 });
  const edited = await api.call('editWebhook', { with: { id }, body: { events: ['job.ended'] } });
  assert.deepEqual([edited.url, edited.events], [body.url, ['job.ended']]);
  const rolled = await api.call('rollWebhookSecret', { with: { id } });
  assert.ok(rolled.secret !== secret && rolled.bothUntil !== undefined);
  await api.call('testWebhook', { with: { id } });
  const [sent] = (await api.call('listDeliveries', { with: { id } })).items;
  assert.equal(sent.event, 'webhook.test');
  await em.fork().nativeUpdate(WebhookDelivery, { id: sent.id }, { state: 'failed' });
  await api.call('sendAgain', { with: { id, delivery: sent.id } });
  await theirs.call('sendAgain', { with: { id, delivery: sent.id }, status: 404 });
  assert.equal((await api.call('listWebhooks')).items.length, 1);
  await api.call('deleteWebhook', { with: { id } });
  assert.equal((await api.call('listWebhooks')).items.length, 0);
}

export async function finding(api: Caller, theirs: Caller, imageId: number) {
  const body = { name: 'Brass', kind: 'models', query: 'tag=metal&sort=newest' };
  const { id, told, feedUrl, filters } = await api.call('saveSearch', { body, key: 'search' });
  assert.deepEqual([told, filters.length], [true, 1]);
  await api.call('saveSearch', { body: { ...body, query: '' }, status: 400 });
  await theirs.call('editSearch', { with: { id }, body: { told: false }, status: 404 });
  assert.equal((await api.call('editSearch', { with: { id }, body: { told: false } })).told, false);
  assert.notEqual((await api.call('renewSearchFeed', { with: { id } })).feedUrl, feedUrl);
  assert.equal((await api.call('listSearches')).items.length, 1);
  await api.call('deleteSearch', { with: { id } });

  await api.call('hide', { body: { kind: 'domain', key: 'far.example' } });
  await api.call('hide', { body: { kind: 'model', key: '999999' }, status: 404 });
  const [hidden] = (await api.call('listHidden')).items;
  assert.equal(hidden.label, 'far.example');
  await theirs.call('showAgain', { with: { id: hidden.id }, status: 404 });
  await api.call('showAgain', { with: { id: hidden.id } });

  assert.deepEqual((await api.call('listSimilarImages', { with: { id: imageId, by: 'models' } })).items, []);
  await api.call('listSimilarImages', { with: { id: 999_999 }, status: 404 });
  const { items } = await api.call('suggestPeople', { with: { query: 'ev' } });
  assert.deepEqual(
    items.map(({ handle }: Json) => handle.replace('@', '')),
    ['eve'],
  );
  const { rows, models } = await api.call('getStatistics', { with: { days: 90 } });
  assert.deepEqual([rows.length, models.length], [90, 0]);
}

export async function profile(api: Caller, theirs: Caller) {
  const links = [{ label: 'Home', url: 'https://ada.example/' }];
  const said = await api.call('editProfile', { body: { displayName: 'Ada L.', links } });
  assert.deepEqual([said.displayName, said.links, said.locked], ['Ada L.', links, false]);
  await api.call('editProfile', { body: { links: [{ label: '', url: 'javascript:1' }] }, status: 400 });
  assert.equal((await api.call('editProfile', { body: { bio: 'I engrave.' } })).displayName, 'Ada L.');
  await api.call('setProfilePicture', { with: { kind: 'avatar' }, files: { 'a.png': await picture() } });
  await api.call('setProfilePicture', { with: { kind: 'avatar' }, files: { 'a.png': 'no picture' }, status: 400 });
  await api.call('removeProfilePicture', { with: { kind: 'avatar' } });
  const before = await api.call('getBrowsing');
  assert.deepEqual(await api.call('setBrowsing', { body: { browsingLevel: 2, blurredLevel: 2 } }), {
    ...{ browsingLevel: 3, blurredLevel: 2 },
  });
  await api.call('setBrowsing', { body: before });
  await api.call('forgetSeen');

  // whoever is locked lets people in one by one
  await api.call('editProfile', { body: { locked: true } });
  const { id } = await api.call('getMe');
  for (const act of ['acceptFollower', 'rejectFollower']) {
    await theirs.call('unfollowUser', { with: { id } });
    await theirs.call('followUser', { with: { id } });
    const [asked] = (await api.call('listFollowRequests')).items;
    assert.equal(asked.username, 'eve');
    await theirs.call(act, { with: { id: asked.id }, status: 404 });
    await api.call(act, { with: { id: asked.id } });
    assert.equal((await api.call('listFollowRequests')).items.length, 0);
  }
  await api.call('editProfile', { body: { locked: false } });
  assert.equal((await api.call('getProfile')).locked, false);
}

export async function tags(keeper: Caller, theirs: Caller) {
  const given = { tag: 'metal' };
  await theirs.call('writeTagText', { with: given, body: { text: 'Mine.' }, status: 403 });
  const first = await keeper.call('writeTagText', { with: given, body: { text: 'What shines.' } });
  await keeper.call('writeTagText', { with: given, body: { text: 'Late.' }, status: 409 });
  const from = first.states[0].id;
  await keeper.call('writeTagText', { with: given, body: { text: 'What rusts.', from } });
  const back = await keeper.call('restoreTagText', { with: given, body: { state: from } });
  assert.deepEqual([back.text, back.states.length], ['What shines.', 3]);
  assert.deepEqual((await keeper.call('setSynonym', { with: given, body: { word: 'ore' } })).synonyms, ['ore']);
  assert.deepEqual((await theirs.call('getTag', { with: given, token: null })).synonyms, ['ore']);
  await keeper.call('removeSynonym', { with: given, body: { word: 'ore' } });
}

export async function transfers(api: Caller, theirs: Caller, { em, settle }: Pick<Studio, 'em' | 'settle'>) {
  const body = { source: 'civitai', place: 'civitai.example', who: 'ada', own: true };
  await api.call('beginImport', { body: { ...body, own: false }, status: 400 });
  const { id, state } = await api.call('beginImport', { body, key: 'import' });
  assert.equal(state, 'looking');
  await api.call('stopImport', { with: { id } });
  // as if the look had found something
  await em.fork().nativeUpdate(Transfer, { id }, { state: 'choosing', message: null });
  const item = { id: newId(), position: 0, kind: 'profile', title: 'ada', totalBytes: 0, plan: {}, state: 'found' };
  const own = em.fork();
  own.create(TransferItem, { ...item, transfer: id } as never, { persist: true });
  await own.flush();
  await theirs.call('getImport', { with: { id }, status: 404 });
  assert.deepEqual((await api.call('getImport', { with: { id } })).counts[0].count, 1);
  await api.call('chooseImport', { with: { id }, body: { kinds: ['model'] }, status: 400 });
  await api.call('chooseImport', { with: { id }, body: { kinds: ['profile'] } });
  await api.call('stopImport', { with: { id } });
  await api.call('retryImport', { with: { id } });
  assert.equal((await api.call('listImports')).items.length, 1);
  await api.call('forgetImport', { with: { id } });

  assert.equal((await api.call('getExport')).state, 'none');
  assert.equal((await api.call('beginExport')).state, 'making');
  await settle();
  const made = await api.call('getExport');
  assert.equal(made.state, 'ready');
  assert.match(made.url, /\/exports\/archive\?key=/);
  await api.call('deleteExport');
  await api.call('deleteExport', { status: 404 });
}
