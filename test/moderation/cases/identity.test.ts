import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { PERMISSION } from '../../../src/accounts/permissions.ts';
import { AuditEntry } from '../../../src/kit/audit/model.ts';
import { DecideForm, decideCase } from '../../../src/moderation/cases/decide/decide.ts';
import { IdentityProof } from '../../../src/moderation/cases/model/proofs.ts';
import { openIdentity } from '../../../src/moderation/cases/proof/identity.ts';
import { Browser, textOf } from '../../accounts/browser.ts';
import { givenMember } from '../../factories/accounts.ts';
import { givenImage, givenModel, givenPost } from '../../factories/content.ts';
import { drawn } from '../../safety/drawings.ts';
import { openDesk } from './desk.ts';

async function withCase(t: TestContext) {
  const desk = await openDesk(t);
  const ada = await givenMember(desk.em, 'ada');
  const mod = await givenMember(desk.em, 'mod', { role: 'moderator' });
  const second = await givenMember(desk.em, 'mod2', { role: 'moderator' });
  const model = givenModel(desk.em, { owner: ada });
  const image = givenImage(desk.em, { post: givenPost(desk.em, { owner: ada }) });
  await desk.em.flush();
  const filed = await desk.fileConfirmed('copyright', `/models/${model.id}`);
  const claimant = new Browser(desk.address);
  await claimant.post(`/claims/${filed.number}/key`, { secret: filed.secret });
  const signedIn = async (name: string) => {
    const browser = new Browser(desk.address);
    await browser.signIn(name);
    return browser;
  };
  const send = async (bytes?: Uint8Array) =>
    claimant.upload(`/claims/${filed.number}/identity`, 'identity', bytes ?? (await drawn(11)), 'passport.png');
  const proof = () => desk.em.fork().findOneOrFail(IdentityProof, { caseId: filed.caseId, party: 'claimant' });
  const actions = async () =>
    (await desk.em.fork().find(AuditEntry, { subjectId: filed.caseId }, { orderBy: { seq: 'asc' } }))
      .map(({ action }) => action)
      .filter((action) => action.includes('identity'));
  const page = `/claims/${filed.number}`;
  const staffPage = `/moderation/cases/${filed.caseId}`;
  return { ...desk, ...filed, ada, mod, second, image, claimant, signedIn, send, proof, actions, page, staffPage };
}

const limit = () => DecideForm.parse({ outcome: 'limit', limits: ['download'], rule: '4', facts: 'So it is.' });

test('a proof of identity is opened once, by one reviewer, and is gone when they noted what it showed', async (t) => {
  const desk = await withCase(t);
  assert.match(textOf((await desk.claimant.get(desk.page)).text), /One moderator can open it once/);
  assert.equal((await desk.send(Buffer.from('<svg/>'))).status, 422);
  assert.equal((await desk.send()).status, 302);
  const kept = await desk.proof();
  assert.doesNotMatch(kept.sealed ?? '', /UklGR/, 'sealed: no base64 of a WebP');
  const after = await desk.claimant.get(desk.page);
  assert.match(textOf(after.text), /nobody has opened it yet/);
  assert.doesNotMatch(after.text, /data:image\/webp/, 'not even who sent it sees it again');

  const [mod, second] = [await desk.signedIn('mod'), await desk.signedIn('mod2')];
  assert.doesNotMatch((await mod.get(desk.staffPage)).text, /data:image\/webp/);
  const opened = await mod.post(`${desk.staffPage}/identity/claimant`);
  assert.equal(opened.status, 200);
  assert.match(opened.text, /<img class="case-identity" src="data:image\/webp;base64,UklGR/);
  assert.equal(opened.headers.get('cache-control'), 'no-store');
  assert.doesNotMatch((await mod.get(desk.staffPage)).text, /data:image\/webp/);
  for (const who of [mod, second]) assert.equal((await who.post(`${desk.staffPage}/identity/claimant`)).status, 409);
  assert.equal((await desk.send()).status, 409, 'while somebody looks at it');
  const note = { party: 'claimant', outcome: 'shown' };
  assert.equal(
    (await second.post(`${desk.staffPage}/identity-note`, note)).status,
    409,
    'only who saw it says what it was',
  );
  assert.equal((await mod.post(`${desk.staffPage}/identity-note`, note)).status, 302);
  const { sealed, outcome, openerId, deletedAt } = await desk.proof();
  assert.deepEqual([sealed, outcome, openerId, deletedAt != null], [null, 'shown', desk.mod.id, true]);
  assert.match(textOf((await desk.claimant.get(desk.page)).text), /It showed who you are/);
  assert.deepEqual(await desk.actions(), ['case.send-identity', 'case.open-identity', 'case.note-identity']);
});

test('of two reviewers at once one sees it', async (t) => {
  const desk = await withCase(t);
  await desk.send();
  const both = await Promise.allSettled(
    [desk.mod, desk.second].map((who) => openIdentity(desk.workAs(who), desk.node.claims, desk.caseId, 'claimant')),
  );
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
});

test('the decision deletes what is left of a proof, in its own transaction, and says that nobody saw it', async (t) => {
  const desk = await withCase(t);
  await desk.send();
  assert.equal(await decideCase(desk.workAs(desk.mod), desk.caseId, limit()), 'decided');
  const { sealed, outcome, openedAt } = await desk.proof();
  assert.deepEqual([sealed, outcome, openedAt ?? null], [null, 'unseen', null]);
  assert.deepEqual(await desk.actions(), ['case.send-identity', 'case.forget-identity']);
  assert.equal((await desk.send()).status, 409, 'nor is another taken');
  await assert.rejects(openIdentity(desk.workAs(desk.mod), desk.node.claims, desk.caseId, 'claimant'), {
    kind: 'conflict',
  });
});

test('who may not see who the parties are does not open it, and that they tried is written down', async (t) => {
  const desk = await withCase(t);
  await desk.send();
  Object.assign(desk.mod, { permissions: PERMISSION.moderateContent | PERMISSION.decideRights });
  await desk.em.flush();
  await assert.rejects(openIdentity(desk.workAs(desk.mod), desk.node.claims, desk.caseId, 'claimant'), {
    kind: 'forbidden',
  });
  assert.equal((await desk.proof()).openedAt ?? null, null);
  assert.deepEqual(await desk.actions(), ['case.send-identity', 'case.open-identity']);
  const ada = await desk.signedIn('ada');
  assert.equal((await ada.post(`${desk.staffPage}/identity/claimant`)).status, 403);
});

test('of severe cases nobody is asked for papers', async (t) => {
  const desk = await withCase(t);
  const filed = await desk.file('ncii', `/images/${desk.image.id}`);
  const who = new Browser(desk.address);
  await who.post(`/claims/${filed.number}/key`, { secret: filed.secret });
  assert.doesNotMatch((await who.get(`/claims/${filed.number}`)).text, /type="file"/);
  const answer = await who.upload(`/claims/${filed.number}/identity`, 'identity', await drawn(12), 'a.png');
  assert.equal(answer.status, 409);
  assert.equal(await desk.em.fork().count(IdentityProof, {}), 0);
});
