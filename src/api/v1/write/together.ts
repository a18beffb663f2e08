import { z } from 'zod';
import { assertSeesCollection } from '../../../gallery/collections/access.ts';
import { loadOwnCollection } from '../../../gallery/collections/edit.ts';
import { DecisionForm, decideEntries } from '../../../gallery/collections/together/decide.ts';
import { ENTRY_STATES, MEMBER_ROLES } from '../../../gallery/collections/together/model.ts';
import {
  acceptInvitation,
  InviteForm,
  invite,
  listMembers,
  removeMember,
} from '../../../gallery/collections/together/people.ts';
import { type EntryRow, listBrought, listWaiting } from '../../../gallery/collections/together/queries.ts';
import { DECIDE, INVITE } from '../../../gallery/collections/together/routes.ts';
import { loadKeptCollection, member } from '../../../gallery/collections/together/standing.ts';
import { hidingNothing } from '../../../gallery/views.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { defineOwn, type Operation } from '../../operation/define.ts';
import { ById, pathId } from '../query.ts';
import { Done, done } from './said.ts';

const group = 'Collections';
const scope = 'write:social';

const OfMember = z.object({ id: pathId, member: z.uuid().toLowerCase() });

const Brought = z.object({
  id: z.uuid(),
  state: z.enum(ENTRY_STATES),
  username: z.string(),
  reason: z.string(),
  createdAt: z.string(),
  /** Absent where the thing is not here any more. */
  thing: z
    .object({ kind: z.enum(['model', 'post', 'image']), id: z.int(), title: z.string(), url: z.url() })
    .optional(),
});

const said = (origin: string, { id, state, person, reason, since, thing }: EntryRow) => ({
  ...{ id, state, username: person.name, reason, createdAt: since },
  ...(thing && { thing: { kind: thing.kind, id: thing.id, title: thing.title, url: origin + thing.url } }),
});

/** Who takes part in a collection, and what they bring. */
export const TOGETHER_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/collections/:id/people', name: 'listCollectionPeople', group, scope: 'read' },
    summary: 'Who takes part in a collection of one’s own, and who was asked.',
    params: ById,
    answer: z.object({
      items: z.array(
        z.object({ id: z.uuid(), username: z.string(), role: z.enum(MEMBER_ROLES), accepted: z.boolean() }),
      ),
    }),
    run: async (ask, { params: { id } }) => {
      await loadOwnCollection(ask, id);
      const members = await listMembers(ask.em, id);
      return {
        items: members.map(({ id: memberId, person, role, hasAccepted }) => ({
          ...{ id: memberId, username: person.name, role, accepted: hasAccepted },
        })),
      };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/collections/:id/people', name: 'inviteToCollection', group, scope, status: 201 },
    summary: 'Asks somebody of this node to take part in a collection of one’s own.',
    params: ById,
    body: z.strictObject({ name: z.string().max(320), role: z.enum(MEMBER_ROLES).optional() }),
    answer: z.object({ id: z.uuid() }),
    run: async (ask, { params: { id }, body }) => {
      ask.take(INVITE);
      return { id: await invite(ask, id, checkForm(body, InviteForm)) };
    },
  }),
  defineOwn({
    ...{ method: 'put', path: '/collections/:id/people/:member/acceptance', name: 'acceptInvitation', group, scope },
    summary: 'Accepts an invitation to a collection.',
    ...{ params: OfMember, answer: Done },
    run: async (ask, { params }) => {
      await acceptInvitation(ask, params.id, params.member);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/collections/:id/people/:member', name: 'leaveCollection', group, scope },
    summary: 'Declines, leaves, or takes somebody off a collection of one’s own.',
    ...{ params: OfMember, answer: Done },
    run: async (ask, { params }) => {
      await removeMember(ask, params.id, params.member);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/collections/:id/submissions', name: 'listSubmissions', group, scope: 'read' },
    summary: 'What waits for review in a collection that one keeps, the oldest first.',
    ...{ params: ById, answer: z.object({ items: z.array(Brought) }) },
    run: async (ask, { params: { id } }) => {
      await loadKeptCollection(ask, id);
      const waiting = await listWaiting(ask.em, id, hidingNothing(ask.eyes));
      return { items: waiting.map((entry) => said(ask.origin, entry)) };
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/collections/:id/submissions/mine', name: 'listOwnSubmissions', group, scope: 'read' },
    summary: 'What one brought to a collection oneself, and what was decided.',
    ...{ params: ById, answer: z.object({ items: z.array(Brought) }) },
    run: async (ask, { params: { id } }) => {
      const brought = await listBrought(ask.em, id, member(ask.viewer).id, ask.eyes);
      // what one brought stays one's own to see, also in what one does not see any more
      if (brought.length === 0) await assertSeesCollection(ask.em, ask.viewer, id);
      return { items: brought.map((entry) => said(ask.origin, entry)) };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/collections/:id/submissions', name: 'decideSubmissions', group, scope },
    summary: 'Approves or refuses what waits, or takes such a decision back.',
    params: ById,
    body: z.strictObject({
      entry: z.array(z.uuid()).min(1).max(100),
      to: z.enum(['in', 'refused', 'waiting']),
      reason: z.string().max(500).optional(),
    }),
    answer: z.object({ decided: z.int(), stuck: z.int() }),
    run: async (ask, { params: { id }, body }) => {
      ask.take(DECIDE);
      return decideEntries(ask, id, checkForm(body, DecisionForm));
    },
  }),
];
