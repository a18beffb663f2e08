import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelVersion } from '../../src/catalogue/model.ts';
import { Review } from '../../src/gallery/reviews/model.ts';
import { deleteReview, restoreReview } from '../../src/gallery/reviews/write.ts';
import { givenMember } from '../factories/accounts.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { peerNode, settleAll } from './nodes.ts';
import { followAccount } from './people.ts';

test('a review that a moderator withholds goes elsewhere too, and comes back there as often as it is given back', async (t) => {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const all = [home, away];
  const [alice, bob] = [await home.member('alice'), await away.member('bob')];
  const moderator = await givenMember(away.em, 'maud', { role: 'moderator' });
  await followAccount(away, bob.browser, home, 'alice', all);
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(kohyaLoraSd1({ name: 'inkwash' }))]), 'inkwash.safetensors');
  const [, id] = /\/versions\/(\d+)\/edit/.exec((await alice.browser.postForm('/upload', form)).location) ?? [];
  await settleAll(...all);
  await alice.browser.post(`/versions/${id}/edit`, {
    ...{ act: 'publish', name: 'Ink Wash', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5' },
    ...{ tags: 'ink', description: 'Sumi-e.', trainedWords: 'inkwash' },
  });
  await settleAll(...all);
  const here = away.node.orm.em.fork();
  const version = await here.findOneOrFail(ModelVersion, { uri: `${home.origin}/versions/${id}` });
  await bob.browser.post(`/versions/${version.id}/reviews`, { verdict: 'up', text: 'Fine.' });
  await settleAll(...all);
  const review = await here.findOneOrFail(Review, { version });
  const atHome = async () => (await home.node.orm.em.fork().findOneOrFail(ModelVersion, Number(id))).thumbsUpCount;
  assert.equal(await atHome(), 1);

  for (let round = 1; round <= 2; round += 1) {
    for (const peer of all) peer.clock.pass(60_000);
    await deleteReview(away.workAs(moderator), moderator, review.id);
    await settleAll(...all);
    assert.equal(await atHome(), 0, `withheld, ${round}`);
    for (const peer of all) peer.clock.pass(60_000);
    await restoreReview(away.workAs(moderator), review.id);
    await settleAll(...all);
    assert.equal(await atHome(), 1, `given back, ${round}`);
  }
});
