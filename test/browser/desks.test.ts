import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fileCounterNotice } from '../../src/moderation/cases/counter/counter.ts';
import { CounterForm } from '../../src/moderation/cases/counter/draft.ts';
import { DecideForm, decideCase } from '../../src/moderation/cases/decide/decide.ts';
import { makeOffer, OfferForm } from '../../src/moderation/cases/offers/offers.ts';
import { executeDecision } from '../../src/moderation/queue/execute.ts';
import { QueueDecision } from '../../src/moderation/queue/model.ts';
import { appealDecision } from '../../src/moderation/statements/appeal.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenFile, givenImage, givenModel, givenPost, givenVersion } from '../factories/content.ts';
import { openDesk } from '../moderation/cases/desk.ts';
import { deskOf } from '../moderation/desk.ts';
import { drawn } from '../safety/drawings.ts';
import { ban } from '../safety/watch.ts';
import { PHONE, signIn, skip, type Window, withChromium } from './chromium.ts';
import { glance } from './faults.ts';

const browser = withChromium();

/** A name that does not break, and one that runs from right to left. */
const LONG = 'A_name_without_any_break_that_somebody_typed_to_see_what_happens_v2_final_pruned_emaonly';
const RTL = 'نموذج الحبر والفرشاة';

/** Claims in several states, reports, decisions with and without an appeal, and blocked hashes. */
async function site(t: TestContext) {
  const desk = await openDesk(t, { realTime: true });
  const { em, node, workAs } = desk;
  const { report, rowOf, lockAndDecide } = deskOf(desk);
  await givenMember(em, 'olga', { role: 'owner' });
  const mia = await givenMember(em, 'mia', { role: 'moderator' });
  const [ada, ben] = [await givenMember(em, 'ada'), await givenMember(em, 'ben')];
  const models = ['Ink Wash', LONG, RTL, `${LONG}_2`].map((name) => givenModel(em, { owner: ada, name }));
  for (const model of models) givenFile(em, { version: givenVersion(em, { model }) });
  const images = [LONG, RTL].map((altText) =>
    givenImage(em, { post: givenPost(em, { owner: ada }), owner: ada, altText }),
  );
  await em.flush();
  const [ink, long, rtl] = models.map(({ id }) => `/models/${id}`);

  const style = await desk.fileConfirmed('style', ink ?? '');
  const credit = OfferForm.parse({ outcome: 'credit', text: `After the art of ${LONG}.` });
  await makeOffer(workAs(ada), node.claims, await desk.load(style.caseId), 'uploader', credit);
  const counter = await desk.fileConfirmed('copyright', rtl ?? '');
  const limit = { outcome: 'limit', limits: ['download', 'generate'], rule: '3', facts: `It is their work. ${RTL}` };
  await decideCase(workAs(mia), counter.caseId, DecideForm.parse(limit));
  await desk.carryOut(counter.caseId);
  const words = { name: 'Ada', address: 'Street 1', phone: '1', text: 'I made it myself.', signature: 'Ada' };
  const form = CounterForm.parse({ ...words, perjury: '1', jurisdiction: '1', service: '1' });
  await fileCounterNotice(workAs(ada), node.claims, counter.caseId, form);
  const open = await desk.file('ncii', long ?? '', { email: 'somebody@example.net' });

  const decisions: string[] = [];
  for (const image of images) {
    await report(ben, 'image', image, { text: `Buy now! ${RTL}`, link: `https://shop.example/${LONG}` });
    const { decisionId } = await lockAndDecide(mia, await rowOf('image', image), 'withhold', { strike: '1' });
    await executeDecision(workAs(null), node.desks, decisionId);
    decisions.push(decisionId);
  }
  await desk.settle();
  await appealDecision(workAs(ada), decisions[1] ?? '', { text: RTL });
  await report(ben, 'model', models[3] ?? { id: 0 }, { category: 'ncii', text: LONG });
  await ban(desk, await drawn(60), 'style');
  const reported = await rowOf('model', models[3] ?? { id: 0 });
  const { takedownId } = await em.fork().findOneOrFail(QueueDecision, decisions[0] ?? '');
  return { ...desk, style, counter, open, decisions, reported, takedownId };
}

const faultsOf = async (window: Window, address: URL, paths: readonly string[]): Promise<string[]> => {
  const faults: string[] = [];
  for (const path of paths) {
    for (const fault of await glance(window, new URL(path, address))) faults.push(`${path} ${fault}`);
  }
  return faults;
};

test('the pages of claims, decisions and the desks are sound for whoever has them, on a phone and a desk, light and dark', {
  skip,
}, async (t) => {
  const { address, style, counter, open, decisions, reported, takedownId } = await site(t);
  const windowOf = async (name: string) => {
    const window = await browser.open();
    if (name) await signIn(window.page, address, name);
    return window;
  };

  await t.test('who claims', async () => {
    const window = await windowOf('');
    for (const { number, secret } of [style, counter, open]) {
      await window.page.goto('about:blank');
      await window.page.goto(new URL(`/claims/${number}#${secret}`, address).href);
      await window.page.locator('.case-columns').waitFor();
      assert.deepEqual(await faultsOf(window, address, [`/claims/${number}`]), []);
    }
    const forms = ['minor', 'likeness', 'style', 'other'].map((type) => `/claims/new?type=${type}`);
    const pages = ['/transparency', '/claims/new', ...forms, '/protect-me'];
    assert.deepEqual(await faultsOf(window, address, pages), []);
    await window.page.context().clearCookies();
    assert.deepEqual(await faultsOf(window, address, [`/claims/${style.number}`]), []);
  });

  await t.test('who is claimed against', async () => {
    const pages = ['/cases', `/cases/${style.number}`, `/cases/${counter.number}`, '/decisions?show=appealed'];
    const statements = ['/decisions', '/decisions?show=strike', ...decisions.map((id) => `/decisions/${id}`)];
    assert.deepEqual(await faultsOf(await windowOf('ada'), address, [...pages, ...statements]), []);
  });

  await t.test('who decides', async () => {
    const cases = [style, counter, open].map(({ caseId }) => `/moderation/cases/${caseId}`);
    const rows = ['/moderation', '/moderation?kind=bounty', `/moderation/queue/${reported.id}`];
    const pages = ['/moderation/audit', '/admin/peer-reports', '/admin/protected-people'];
    const peers = `/moderation/takedowns/${takedownId}/peers`;
    assert.deepEqual(await faultsOf(await windowOf('mia'), address, [...rows, ...cases, ...pages, peers]), []);
  });

  await t.test('who runs the node', async () => {
    const pages = ['/moderation/hashes', '/moderation/rules', '/admin/claims', '/admin/start', '/admin/federation'];
    assert.deepEqual(await faultsOf(await windowOf('olga'), address, pages), []);
  });
});

test('on a phone the navigation of staff shows the page that is open, and an outcome asks for what it needs alone', {
  skip,
}, async (t) => {
  const { address, open } = await site(t);
  const { page, problems } = await browser.open({ viewport: PHONE });
  await signIn(page, address, 'olga');
  for (const path of ['/moderation/audit', '/admin/start', '/moderation']) {
    await page.goto(new URL(path, address).href);
    const { x, width } = (await page.locator('.side [aria-current]').boundingBox()) ?? { x: -1, width: 0 };
    assert.ok(x >= 0 && x + width <= PHONE.width, `${path}: from ${x}, ${width} wide`);
  }

  await page.goto(new URL(`/moderation/cases/${open.caseId}`, address).href);
  await page.getByRole('link', { name: 'Decide', exact: true }).click();
  const shown = async () => {
    const parts: string[] = [];
    for (const part of ['limits', 'text', 'level', 'account']) {
      if (await page.locator(`#decide .only.${part}`).isVisible()) parts.push(part);
    }
    return parts;
  };
  for (const [outcome, parts] of [
    ['remove', []],
    ['limit', ['limits']],
    ['de_attribute', ['limits', 'text']],
    ['licence', ['text']],
    ['re_rate', ['level']],
    ['account_action', ['account']],
    ['dismiss', []],
  ] as const) {
    await page.locator('#decide-outcome').selectOption(outcome);
    assert.deepEqual(await shown(), [...parts], outcome);
  }
  assert.deepEqual(problems(), []);
});
