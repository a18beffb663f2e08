import { z } from 'zod';
import { awardEntry } from '../../../economy/bounties/award.ts';
import { cancelBounty } from '../../../economy/bounties/end.ts';
import { editEntry, enterBounty, withdrawEntry } from '../../../economy/bounties/enter.ts';
import { BountyEditForm, BountyForm, EntryForm, PledgeForm } from '../../../economy/bounties/form.ts';
import { addToPot } from '../../../economy/bounties/give.ts';
import { listBounties } from '../../../economy/bounties/list.ts';
import { BOUNTY_KINDS, BOUNTY_MODES } from '../../../economy/bounties/model.ts';
import { editBounty, loadRules, openBounty } from '../../../economy/bounties/open.ts';
import { loadBountyPage } from '../../../economy/bounties/page.ts';
import { WRITE } from '../../../economy/bounties/routes.ts';
import type { OwnerView } from '../../../gallery/views.ts';
import { newId } from '../../../kit/ids.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { type Ask, defineOperation, defineOwn, type Operation } from '../../operation/define.ts';
import { ByUuid, text } from '../query.ts';
import { givenOf, givenPictures, Picture, picturesIn } from '../write/given-pictures.ts';

const group = 'Bounties';

const line = {
  ...{ id: z.uuid(), url: z.url(), title: z.string(), kind: z.enum(BOUNTY_KINDS), mode: z.enum(BOUNTY_MODES) },
  ...{ state: z.string(), baseModel: z.string(), username: z.string(), pot: z.int(), deadlineAt: z.iso.datetime() },
};
const Entry = z.object({
  ...{ id: z.uuid(), username: z.string(), text: z.string(), waiting: z.boolean(), awardedCredits: z.int() },
  /** Null while its files are for few. */
  modelUrl: z.string().nullable(),
  postUrl: z.string(),
});
const Bounty = z.object({
  ...line,
  ...{ text: z.string(), tags: z.array(z.string()), awardBy: z.iso.datetime(), waiting: z.boolean() },
  /** What was sent in with it, and the addresses of public pictures that it names. */
  ...{ pictures: z.array(Picture), references: z.array(z.url()) },
  entries: z.array(Entry),
});

const nameOf = ({ name, host }: OwnerView): string => (host === '' ? name : `${name}@${host}`);

async function loadBounty(asked: Ask, id: string): Promise<z.output<typeof Bounty>> {
  const ask = { ...asked, em: asked.em.fork() };
  const page = await loadBountyPage(ask, ask.deps.economy.isLookedInto, id);
  const { title, kind, mode, state, baseModel, owner, pot, deadlineAt, awardBy, tags } = page;
  return {
    ...{ id, url: `${ask.origin}/bounties/${id}`, title, text: page.text, kind, mode, state, baseModel, pot },
    ...{ username: nameOf(owner), deadlineAt, awardBy, tags: [...tags], waiting: page.isWaiting },
    pictures: picturesIn(ask.origin, page.pictures),
    references: page.references.map(({ url }) => new URL(url, ask.origin).href),
    entries: page.entries.map(({ id: entryId, account, text: said, isWaiting, awardedCredits, model, postUrl }) => ({
      ...{ id: entryId, username: nameOf(account), text: said, waiting: isWaiting, awardedCredits },
      modelUrl: model && new URL(model.url, ask.origin).href,
      postUrl: postUrl === '' ? '' : new URL(postUrl, ask.origin).href,
    })),
  };
}

const words = {
  title: z.string().min(1).max(120),
  /** Markdown. */
  text: z.string().min(1).max(10_000),
  tags: z.array(z.string().max(60)).max(20),
  /** Addresses of public pictures of this node; with `pictures` at most six. */
  references: z.array(z.string().max(200)).max(10),
  /** ISO day, the last one in UTC. */
  deadline: z.iso.date(),
};
const none = {
  ...{ tags: words.tags.default([]), references: words.references.default([]) },
  pictures: givenPictures('bounty'),
};
const Amount = z.int().min(1).max(1_000_000_000);
const NewBounty = z.strictObject({
  ...{ ...words, ...none },
  /** In this release nothing but fiction is taken. */
  subject: z.literal('fictional'),
  ...{
    kind: z.enum(BOUNTY_KINDS),
    mode: z.enum(BOUNTY_MODES),
    baseModel: z.string().max(60).default(''),
    amount: Amount,
  },
});
const BountyChange = z.strictObject({ ...words, ...none, subject: z.literal('fictional') });
const NewEntry = z.strictObject({
  text: z.string().min(1).max(4_000),
  /** Addresses of one’s own here; at least one of the two. */
  ...{ model: z.string().max(300).default(''), post: z.string().max(300).default('') },
});

const flat = <Body extends { tags: readonly string[]; references: readonly string[] }>(body: Body) => ({
  ...body,
  ...{ tags: body.tags.join(', '), references: body.references.join('\n') },
});

const ENTRY_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'post', path: '/bounties/:id/entries', name: 'enterBounty', group, scope: 'write:social' },
    ...{ status: 201, once: true, params: ByUuid, body: NewEntry, answer: Bounty },
    summary: 'Enters a version or a post of one’s own.',
    run: async (ask, { params: { id }, body }) => {
      ask.take(WRITE);
      await enterBounty(ask, ask.deps.economy, id, checkForm({ ...body, key: newId() }, EntryForm));
      return loadBounty(ask, id);
    },
  }),
  defineOwn({
    ...{ method: 'put', path: '/bounty-entries/:id', name: 'editBountyEntry', group, scope: 'write:social' },
    ...{ params: ByUuid, body: NewEntry, answer: Bounty },
    summary: 'Says anew what one entered, until the deadline.',
    run: async (ask, { params: { id }, body }) => {
      ask.take(WRITE);
      return loadBounty(ask, await editEntry(ask, ask.deps.economy, id, checkForm({ ...body, key: id }, EntryForm)));
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/bounty-entries/:id', name: 'withdrawBountyEntry', group, scope: 'write:social' },
    ...{ params: ByUuid, answer: Bounty },
    summary: 'Takes it back.',
    run: async (ask, { params }) => loadBounty(ask, await withdrawEntry(ask, params.id)),
  }),
  defineOwn({
    ...{ method: 'post', path: '/bounty-entries/:id/award', name: 'awardBountyEntry', group, scope: 'credits' },
    ...{ params: ByUuid, answer: Bounty },
    summary: 'Gives the pot to an entry; of a split one, one’s own share.',
    run: async (ask, { params }) => loadBounty(ask, await awardEntry(ask, ask.deps.economy, params.id)),
  }),
];

export const BOUNTY_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...{ method: 'get', path: '/bounties', name: 'listBounties', group },
    summary: 'What people ask everybody for, the newest first.',
    query: z.object({
      show: z.enum(['open', 'over']).default('open'),
      kind: z.enum(BOUNTY_KINDS).optional(),
      before: text(60),
    }),
    answer: z.object({
      items: z.array(z.object({ ...line, entryCount: z.int() })),
      nextBefore: z.string().optional(),
    }),
    run: async (ask, { query: { show, kind, before = '' } }) => {
      await loadRules(ask, ask.deps.economy.settings);
      const { items, nextBefore } = await listBounties(ask, { show, kind: kind ?? '', before });
      return {
        items: items.map(({ owner, url, commentCount: _, postedAt: __, ...rest }) => ({
          ...{ ...rest, kind: rest.kind as 'Other', mode: rest.mode as 'Split', username: nameOf(owner) },
          ...{ id: url.split('/').at(-1) ?? '', url: new URL(url, ask.origin).href },
        })),
        ...(nextBefore ? { nextBefore } : {}),
      };
    },
  }),
  defineOperation({
    ...{ method: 'get', path: '/bounties/:id', name: 'getBounty', group },
    summary: 'A bounty with its entries.',
    ...{ params: ByUuid, answer: Bounty },
    run: (ask, { params }) => loadBounty(ask, params.id),
  }),
  defineOwn({
    ...{ method: 'post', path: '/bounties', name: 'openBounty', group, scope: 'credits', status: 201, once: true },
    summary: 'Asks everybody for something and puts the first credits into the pot.',
    ...{ body: NewBounty, answer: Bounty },
    run: async (ask, { body }) => {
      ask.take(WRITE);
      const form = checkForm({ ...flat(body), key: newId() }, BountyForm);
      const pictures = await givenOf(ask, body.pictures);
      return loadBounty(ask, await openBounty(ask, ask.deps.economy, form, pictures));
    },
  }),
  defineOwn({
    ...{ method: 'put', path: '/bounties/:id', name: 'editBounty', group, scope: 'credits' },
    summary:
      'Says anew what one asks for. Its words and pictures are looked at again; those sent in stay without `pictures`.',
    ...{ params: ByUuid, body: BountyChange, answer: Bounty },
    run: async (ask, { params: { id }, body }) => {
      ask.take(WRITE);
      const form = checkForm(flat(body), BountyEditForm);
      await editBounty(ask, ask.deps.economy, id, form, await givenOf(ask, body.pictures));
      return loadBounty(ask, id);
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/bounties/:id/credits', name: 'addToBounty', group, scope: 'credits', once: true },
    summary: 'Puts credits into the pot of a bounty.',
    ...{ params: ByUuid, body: z.strictObject({ amount: Amount }), answer: Bounty },
    run: async (ask, { params: { id }, body }) => {
      ask.take(WRITE);
      const form = checkForm({ ...body, key: newId() }, PledgeForm);
      await addToPot(ask, ask.deps.economy.settings, ask.viewer, id, form);
      return loadBounty(ask, id);
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/bounties/:id/cancellation', name: 'cancelBounty', group, scope: 'credits' },
    summary: 'Ends a bounty of one’s own that nobody entered; the credits go back.',
    ...{ params: ByUuid, answer: Bounty },
    run: async (ask, { params: { id } }) => {
      await cancelBounty(ask, ask.deps.economy.isLookedInto, id);
      return loadBounty(ask, id);
    },
  }),
  ...ENTRY_OPERATIONS,
];
