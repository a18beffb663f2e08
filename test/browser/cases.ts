import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { OutboxMail } from '../../src/accounts/mail/model.ts';
import { ClaimCase } from '../../src/moderation/cases/model/case.ts';
import type { ClaimType } from '../../src/moderation/cases/types/types.ts';
import { type Peer, settleAll } from '../federation/nodes.ts';
import { until } from './chromium.ts';

export const HOUR = 3_600_000;

export interface Filed {
  readonly caseId: string;
  readonly number: string;
  /** With the secret behind `#`. */
  readonly link: string;
}

/** Files a claim by the form, as somebody without an account. */
export async function fileClaim(
  { page, peers, origin }: { page: Page; peers: readonly Peer[]; origin: string },
  type: ClaimType,
  about: string,
  fields: Readonly<Record<string, string>>,
): Promise<Filed> {
  await page.goto(`${origin}/claims/new?type=${type}&about=${encodeURIComponent(about)}`);
  for (const [name, value] of Object.entries(fields)) await page.locator(`form [name="${name}"]`).fill(value);
  for (const box of await page.locator('main form input[type=checkbox]').all()) await box.check();
  // with scripts a small sum stands in for the twenty seconds
  await until(page, "document.querySelector('[name=sum]').value !== ''");
  await page.getByRole('button', { name: 'Send the claim' }).click();
  const link = (await page.locator('.claim-link-whole .mono').textContent()) ?? '';
  const number = /\/claims\/([^#]+)#/.exec(link)?.[1] ?? '';
  assert.notEqual(number, '', page.url());
  await settleAll(...peers);
  const [home] = peers;
  assert.ok(home);
  const { id } = await home.em.fork().findOneOrFail(ClaimCase, { number });
  return { caseId: id, number, link };
}

/** Opens the letter to this address that asks for it, and presses the button. */
export async function confirmByLetter(page: Page, peers: readonly Peer[], toAddress: string): Promise<void> {
  const [home] = peers;
  const letters = (await home?.em.fork().find(OutboxMail, { toAddress })) ?? [];
  const url = letters.map(({ text }) => /http\S+confirmation\S+/.exec(text)?.[0]).find(Boolean);
  assert.ok(url, `a letter with a link went to ${toAddress}`);
  await page.goto(url);
  await page.getByRole('button', { name: 'It is mine' }).click();
  await page.getByText('is confirmed').waitFor();
  await settleAll(...peers);
}

/** The claimant's page, opened with the link that they kept. */
export async function openClaim(page: Page, { link }: Filed): Promise<void> {
  // an address that differs behind # alone would not be loaded anew
  await page.goto('about:blank');
  await page.goto(link);
  await page.locator('.case-columns').waitFor();
}

/** Time passes everywhere, and what is due happens. */
export async function later(peers: readonly Peer[], ms: number): Promise<void> {
  for (const { clock } of peers) clock.pass(ms);
  await settleAll(...peers);
}
