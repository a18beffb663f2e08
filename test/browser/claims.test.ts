import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import axe from 'axe-core';
import { pino } from 'pino';
import { ClaimCase } from '../../src/moderation/cases/model/case.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenModel, givenVersion } from '../factories/content.ts';
import { testNode } from '../node.ts';
import { PHONE, signIn, skip, until, withChromium } from './chromium.ts';

const browser = withChromium();

async function withModel(t: Parameters<typeof testNode>[0]) {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const node = await testNode(t, { realTime: true, log: pino({ level: 'trace' }, sink) });
  const address = await node.start('web', 'worker');
  const ada = await givenMember(node.em, 'ada');
  await givenMember(node.em, 'mod', { role: 'moderator' });
  const model = givenModel(node.em, { owner: ada, name: 'Ink Wash' });
  givenVersion(node.em, { model });
  await node.em.flush();
  return { ...node, address, model, lines };
}

test('scenario 41: the secret of a case is in no address that a server sees, no referrer and no log', {
  skip,
}, async (t) => {
  const { address, model, lines, settle, em } = await withModel(t);
  const { page, context } = await browser.open();
  const seen: string[] = [];
  page.on('request', (request) => seen.push(`${request.url()} ${request.headers().referer ?? ''}`));
  await page.goto(new URL(`/models/${model.id}`, address).href);
  await page.getByRole('link', { name: 'Make a claim about this' }).click();
  await page.getByRole('link', { name: 'Something else that is against the law' }).click();
  await page.getByLabel('Your e-mail address').fill('mia@example.net');
  await page.getByLabel('Your name').fill('Mia');
  await page.getByLabel('What is wrong with it').fill('It is not lawful.');
  await page.getByLabel('What I say is accurate.').check();
  await page.getByLabel(/I believe in good faith/).check();
  // with scripts a small sum stands in for the twenty seconds
  await until(page, "document.querySelector('[name=sum]').value !== ''");
  await page.getByRole('button', { name: 'Send the claim' }).click();
  const link = (await page.locator('.claim-link-whole .mono').textContent()) ?? '';
  const secret = link.split('#')[1] ?? '';
  assert.match(secret, /^[\w-]{43}$/);
  await settle();

  const path = new URL(link).pathname;
  await page.goto(new URL(`${path}#${secret}`, address).href);
  await page.locator('.case-columns').waitFor();
  assert.equal(new URL(page.url()).hash, '');
  await page.getByRole('link', { name: 'About' }).click();
  await page.waitForURL((url) => url.pathname === '/about');
  assert.deepEqual(
    seen.filter((line) => line.includes(secret)),
    [],
  );
  assert.deepEqual(
    seen.filter((line) => / .*\/claims\//.test(line)),
    [],
    'no page learns that a case was open',
  );
  assert.ok(lines.length > 5);
  assert.deepEqual(
    lines.filter((line) => line.includes(secret)),
    [],
  );
  const stored = JSON.stringify(await em.fork().find(ClaimCase, {}));
  assert.ok(!stored.includes(secret));
  await context.close();
});

test('the form works without scripts on a phone, and every page of the desk is sound', { skip }, async (t) => {
  const { address, model, settle, em, clock } = await withModel(t);
  const { page, context } = await browser.open({ javaScriptEnabled: false, viewport: PHONE });
  await page.goto(new URL(`/claims/new?type=ncii&about=/models/${model.id}`, address).href);
  await page.getByLabel('Your e-mail address').fill('mia@example.net');
  await page.getByLabel('Your name').fill('Mia');
  for (const box of await page.locator('main input[type=checkbox]').all()) await box.check();
  await page.getByLabel('Signature').fill('Mia');
  clock.pass(25_000);
  await page.getByRole('button', { name: 'Send the claim' }).click();
  const [number = '', secret = ''] =
    ((await page.locator('.claim-link-whole .mono').textContent()) ?? '').split('/claims/')[1]?.split('#') ?? [];
  await settle();
  await page.goto(new URL(`/claims/${number}`, address).href);
  await page.getByLabel('Secret').fill(secret);
  await page.getByRole('button', { name: 'Open the case' }).click();
  await page.locator('.case-columns').waitFor();
  await context.close();

  const { id } = await em.fork().findOneOrFail(ClaimCase, { number });
  const paths: Record<string, string[]> = {
    '': ['/claims/new', '/claims/new?type=copyright', '/claims/new?type=style', `/claims/${number}`],
    mod: [`/moderation/cases/${id}`, '/cases'],
  };
  for (const [who, list] of Object.entries(paths)) {
    for (const colorScheme of ['dark', 'light'] as const) {
      const window = await browser.open({ viewport: PHONE, colorScheme });
      if (who) await signIn(window.page, address, who);
      if (!who) {
        await window.page.goto(new URL(`/claims/${number}#${secret}`, address).href);
        await window.page.locator('.case-columns').waitFor();
      }
      for (const path of list) {
        await window.page.goto(new URL(path, address).href);
        const wide = await window.page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
        assert.ok(wide <= 0, `${path} scrolls sideways by ${wide}`);
        // the policy forbids what playwright would add, so it is evaluated
        await window.page.evaluate(axe.source);
        const faults = await window.page.evaluate<string[]>(
          "axe.run().then((found) => found.violations.map((one) => one.id + ': ' + one.nodes[0].html))",
        );
        assert.deepEqual(faults, [], path);
      }
      assert.deepEqual(window.problems(), []);
      await window.context.close();
    }
  }
});
