import assert from 'node:assert/strict';
import { OutboxMail } from '../../../src/accounts/mail/model.ts';
import type { Account } from '../../../src/accounts/model.ts';
import { RateLimits } from '../../../src/kit/web/rate-limit.ts';
import { claimFormOf } from '../../../src/moderation/cases/intake/form.ts';
import { submitClaim } from '../../../src/moderation/cases/intake/submit.ts';
import { makeTicket } from '../../../src/moderation/cases/intake/ticket.ts';
import { ClaimCase } from '../../../src/moderation/cases/model/case.ts';
import { CLAIMS, type ClaimType } from '../../../src/moderation/cases/types/types.ts';
import { confirmAddress } from '../../../src/moderation/cases/verify/verify.ts';
import { Takedown } from '../../../src/moderation/takedown/model.ts';
import { type TestNode, type TestNodeOptions, testNode } from '../../node.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

export interface DeskTest extends TestNode {
  readonly address: URL;
  load(caseId: string): Promise<ClaimCase>;
  /** Files a claim as the form does, and lets the jobs run. */
  file(type: ClaimType, url: string, more?: FileOptions): Promise<{ caseId: string; number: string; secret: string }>;
  /** The same, with the letter's link opened. */
  fileConfirmed(
    type: ClaimType,
    url: string,
    more?: FileOptions,
  ): Promise<{ caseId: string; number: string; secret: string }>;
  /** Moves the clock and lets what is due happen. */
  later(ms: number): Promise<void>;
  /** Says that the worker has carried the case's outcome out. */
  carryOut(caseId: string): Promise<Takedown>;
  mailsTo(address: string): Promise<string[]>;
}

interface FileOptions {
  readonly email?: string;
  readonly ip?: string;
  readonly as?: Account | null;
  readonly fields?: Record<string, string>;
  /** The jobs run later. */
  readonly isOnlySent?: boolean;
}

let serial = 0;

/** All that a claim of this type asks for. */
export function answersFor(type: ClaimType): Record<string, string> {
  return Object.fromEntries(
    CLAIMS[type].fields.map(({ name, kind }) => [
      name,
      kind === 'tick' ? '1' : kind === 'link' ? 'https://artist.example/work' : kind === 'hashes' ? '' : `The ${name}.`,
    ]),
  );
}

/** A node with its worker and pages, whose claims desk is used as pages use it. */
export async function openDesk(t: Parameters<typeof testNode>[0], options: TestNodeOptions = {}): Promise<DeskTest> {
  const node = await testNode(t, options);
  return claimsDeskOf(node, await node.start('web', 'worker'));
}

/** The same on a node that is there already. */
export function claimsDeskOf(node: TestNode, address: URL): DeskTest {
  const { claims, now } = node.node;
  const limits = new RateLimits(now);
  const load = (caseId: string) => node.em.fork().findOneOrFail(ClaimCase, caseId);
  const file: DeskTest['file'] = async (
    type,
    url,
    { email, ip = '192.0.2.7', as = null, fields = {}, isOnlySent = false } = {},
  ) => {
    serial += 1;
    const sent = claimFormOf(type).parse({
      ...answersFor(type),
      url,
      email: email ?? (CLAIMS[type].mayBeAnonymous ? '' : `claimant${serial}@example.net`),
      ticket: makeTicket(claims.secretKey, new Date(now().getTime() - 30_000)),
      ...fields,
    });
    const filed = await submitClaim(node.workAs(as), claims, limits, { ...sent, ip });
    if (!isOnlySent) await node.settle();
    return filed;
  };
  const mailsTo = async (toAddress: string) =>
    (await node.em.fork().find(OutboxMail, { toAddress }, { orderBy: { id: 'asc' } })).map(({ text }) => text);
  return {
    ...node,
    address,
    load,
    file,
    mailsTo,
    async fileConfirmed(type, url, more = {}) {
      serial += 1;
      const email = more.email ?? `confirmed${serial}@example.net`;
      const filed = await file(type, url, { ...more, email });
      const token = (await mailsTo(email)).map((text) => /token=([\w-]+)/.exec(text)?.[1]).findLast(Boolean) ?? '';
      await confirmAddress(node.workAs(null), claims, filed.number, token);
      await node.settle();
      return filed;
    },
    async later(ms) {
      node.clock.pass(ms);
      await node.settle();
    },
    async carryOut(caseId) {
      const { takedownId } = await load(caseId);
      assert.ok(takedownId);
      await node.settle();
      const takedown = await node.em.fork().findOneOrFail(Takedown, takedownId);
      assert.equal(takedown.state, 'done');
      return takedown;
    },
  };
}
