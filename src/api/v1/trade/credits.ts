import { z } from 'zod';
import { openPurse } from '../../../economy/allowance.ts';
import { BuyForm, buyEarly } from '../../../economy/early/buy.ts';
import { BUY } from '../../../economy/early/routes.ts';
import { EarlyForm, endEarly, setEarly } from '../../../economy/early/set.ts';
import { loadEarlyView } from '../../../economy/early/view.ts';
import { listHeld, listHistory } from '../../../economy/history.ts';
import { findPurse } from '../../../economy/ledger/accounts.ts';
import { TIPS } from '../../../economy/routes.ts';
import { loadTipRules, sendTip, TipForm } from '../../../economy/tips/tip.ts';
import { assertSees } from '../../../gallery/access.ts';
import { newId } from '../../../kit/ids.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { defineOperation, defineOwn, type Operation } from '../../operation/define.ts';
import { ById, text } from '../query.ts';
import { Done, done } from '../write/said.ts';

const group = 'Credits';
const Amount = z.int().min(1).max(1_000_000_000);

const Early = z.object({
  /** Null for what everybody has. */
  early: z
    .object({
      endsAt: z.iso.datetime(),
      forFollowers: z.boolean(),
      /** Null where it is not to be had for credits. */
      price: z.int().nullable(),
      /** Whoever asks has it already. */
      isIn: z.boolean(),
    })
    .nullable(),
});

const EARLY_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...{ method: 'get', path: '/model-versions/:id/early-access', name: 'getEarlyAccess', group },
    summary: 'Whether a version is early, until when, for whom and for what.',
    ...{ params: ById, answer: Early },
    run: async (ask, { params: { id } }) => {
      await assertSees(ask.em, ask.viewer, { kind: 'version', id });
      const view = await loadEarlyView(ask, id);
      if (!view) return { early: null };
      const { endsAt, isForFollowers, price, isIn } = view;
      return { early: { endsAt, forFollowers: isForFollowers, price, isIn } };
    },
  }),
  defineOwn({
    ...{
      method: 'put',
      path: '/model-versions/:id/early-access',
      name: 'setEarlyAccess',
      group,
      scope: 'write:models',
    },
    summary: 'Makes a version of one’s own early, or changes how. Once it is public it only gets easier to have.',
    params: ById,
    body: z.strictObject({
      endsAt: z.iso.datetime({ offset: true }),
      forFollowers: z.boolean().default(true),
      price: Amount.nullable().default(null),
    }),
    answer: Done,
    run: async (ask, { params, body: { endsAt, forFollowers, price } }) => {
      const minute = new Date(endsAt).toISOString().slice(0, 16);
      const form = { endsAt: minute, price: price ?? '', ...(forFollowers ? { followers: '1' } : {}) };
      await setEarly(ask, ask.deps.economy.settings, params.id, checkForm(form, EarlyForm));
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/model-versions/:id/early-access', name: 'endEarlyAccess', group },
    ...{ scope: 'write:models', params: ById, answer: Done },
    summary: 'Opens it to everybody at once.',
    run: async (ask, { params }) => {
      await endEarly(ask, params.id);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/model-versions/:id/early-access/purchase', name: 'buyEarlyAccess', group },
    ...{ scope: 'credits', params: ById, answer: Done },
    summary: 'Pays to have a version early. `price` is what was shown: nobody pays more than they saw.',
    body: z.strictObject({ price: Amount }),
    run: async (ask, { params, body }) => {
      ask.take(BUY);
      await buyEarly(ask, ask.deps.economy.settings, ask.viewer, params.id, checkForm(body, BuyForm));
      return done;
    },
  }),
];

const Line = z.object({
  ...{ id: z.string(), amount: z.int(), at: z.iso.datetime(), what: z.string(), note: z.string() },
  /** Who gave it, or to whom it went; null for the node. */
  username: z.string().nullable(),
  url: z.string(),
});
const Held = z.object({ what: z.string(), amount: z.int(), url: z.string(), createdAt: z.iso.datetime() });

export const CREDIT_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/me/credits', name: 'listCredits', group, scope: 'read' },
    summary: 'How many credits there are, how many are put aside, and what came and went, the newest first.',
    query: z.object({ before: text(60) }),
    answer: z.object({
      ...{ balance: z.int(), held: z.int(), holds: z.array(Held), items: z.array(Line) },
      nextBefore: z.string().optional(),
    }),
    run: async ({ em, viewer, now, origin, deps }, { query: { before = '' } }) => {
      const rules = await loadTipRules({ em }, deps.economy.settings);
      await openPurse(em, viewer.id, rules, now());
      const purse = await findPurse(em, viewer.id);
      const { lines, nextBefore } = purse ? await listHistory(em, purse.id, before) : { lines: [], nextBefore: '' };
      const whole = (url: string) => (url === '' ? '' : new URL(url, origin).href);
      return {
        ...{ balance: purse?.balance ?? 0, held: purse?.held ?? 0 },
        holds: (purse ? await listHeld(em, purse.id) : []).map((held) => ({ ...held, url: whole(held.url) })),
        items: lines.map(({ id, amount, at, what, note, other, url }) => ({
          ...{ id, amount, at, what, note, username: other?.label.slice(1) ?? null, url: whole(url) },
        })),
        ...(nextBefore ? { nextBefore } : {}),
      };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/tips', name: 'sendTip', group, scope: 'credits', once: true },
    summary: 'Gives credits to who made something: `about` is `image:12`, `model:5` or `account:7`.',
    body: z.strictObject({ about: z.string().max(60), amount: Amount, note: z.string().max(300).default('') }),
    answer: Done,
    run: async (ask, { body: { about, ...form } }) => {
      ask.take(TIPS);
      const tip = checkForm({ ...form, key: newId() }, TipForm);
      await sendTip(ask, ask.deps.economy.settings, ask.viewer, about, tip);
      return done;
    },
  }),
  ...EARLY_OPERATIONS,
];
