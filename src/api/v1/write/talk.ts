import { z } from 'zod';
import { loadPlacedReview } from '../../../gallery/reviews/list.ts';
import { REVIEW } from '../../../gallery/reviews/routes.ts';
import { deleteReview, ReviewForm, writeReview } from '../../../gallery/reviews/write.ts';
import { addComment, CommentForm, deleteComment, editComment } from '../../../gallery/talk/comments.ts';
import { loadConversation } from '../../../gallery/talk/conversation.ts';
import { COMMENT } from '../../../gallery/talk/routes.ts';
import { loadSubject, type Subject } from '../../../gallery/talk/target.ts';
import type { OwnerView } from '../../../gallery/views.ts';
import { AppError } from '../../../kit/errors.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { fileReport, ReportForm } from '../../../moderation/reports/file.ts';
import { listOwnReports } from '../../../moderation/reports/own.ts';
import { TRIES } from '../../../moderation/reports/routes.ts';
import { readThingName } from '../../../moderation/reports/thing.ts';
import { listRules, ruleView } from '../../../moderation/rules/list.ts';
import { isWaiting } from '../../../safety/words/hold.ts';
import { defineOperation, defineOwn, type Operation } from '../../operation/define.ts';
import { ById, ByUuid } from '../query.ts';
import { givenOf, givenPictures, Picture, picturesIn } from './given-pictures.ts';
import { Done, done } from './said.ts';

const group = 'Conversation and reports';
const scope = 'write:social';

const Text = z.string().min(1).max(10_000);
/** `waiting`: somebody of the node reads it before everybody does. */
const Said = z.object({ id: z.string(), url: z.url(), waiting: z.boolean() });

const Comment = z.object({
  id: z.string(),
  username: z.string(),
  /** Sanitised. */
  html: z.string(),
  createdAt: z.iso.datetime(),
  /** How far it is indented: 0 begins a thread. */
  depth: z.int(),
  likeCount: z.int(),
  pictures: z.array(Picture),
});

const Review = z.object({
  ...{ id: z.string(), url: z.url(), username: z.string(), recommended: z.boolean() },
  /** Sanitised. */
  html: z.string(),
  createdAt: z.iso.datetime(),
  ...{ likeCount: z.int(), commentCount: z.int(), pictures: z.array(Picture) },
});

const nameOf = ({ name, host }: OwnerView): string => (host === '' ? name : `${name}@${host}`);

const SUBJECTS = ['model', 'post', 'image', 'review', 'bounty'] as const;

const comments = SUBJECTS.flatMap((kind): Operation[] => {
  const params = (kind === 'review' || kind === 'bounty' ? ByUuid : ById) as z.ZodObject;
  const path = kind === 'bounty' ? '/bounties/:id/comments' : `/${kind}s/:id/comments`;
  const word = `${kind[0]?.toUpperCase()}${kind.slice(1)}`;
  const subjectOf = (given: unknown) => ({ kind, id: (given as { id: unknown }).id }) as Subject;
  return [
    defineOperation({
      ...{ method: 'get', path, name: `list${word}Comments`, group, params },
      summary: `What is said under a ${kind}, threads in order of their first word; of very many the last.`,
      query: z.object({ cursor: z.uuid().toLowerCase().optional() }),
      answer: z.object({
        items: z.array(Comment),
        /** For what was said before; absent when these begin it. */
        nextCursor: z.string().optional(),
      }),
      run: async (ask, given) => {
        const subject = subjectOf(given.params);
        const { ownerId } = await loadSubject(ask.em, ask.viewer, subject);
        const { items, earlierId } = await loadConversation(ask, subject, ownerId, given.query.cursor ?? null);
        return {
          ...(earlierId === null ? {} : { nextCursor: earlierId }),
          items: items.map(({ id, account, html, postedAt, depth, likeCount, pictures: shown }) => ({
            ...{ id, html, depth, likeCount, createdAt: new Date(postedAt).toISOString() },
            username: nameOf(account),
            pictures: picturesIn(ask.origin, shown),
          })),
        };
      },
    }),
    defineOwn({
      ...{ method: 'post', path, name: `commentOn${word}`, group, scope, params, status: 201, once: true },
      summary: `Says something under a ${kind}, or answers a comment there.`,
      body: z.strictObject({
        text: Text,
        parent: z.uuid().toLowerCase().optional(),
        pictures: givenPictures('comment'),
      }),
      answer: Said,
      run: async (ask, given) => {
        ask.take(COMMENT);
        const { text, parent } = checkForm(given.body, CommentForm);
        const said = { text, parentId: parent, pictures: await givenOf(ask, given.body.pictures) };
        const id = await addComment(ask, ask.viewer, subjectOf(given.params), said);
        const waiting = await isWaiting(ask.em, { kind: 'comment', id });
        return { id, url: `${ask.origin}/comments/${id}`, waiting };
      },
    }),
  ];
});

const About = z
  .string()
  .max(60)
  .regex(/^[a-z]+:[0-9a-f-]{1,36}$/, 'a kind and an id, such as image:12');

export const TALK_OPERATIONS: readonly Operation[] = [
  ...comments,
  defineOwn({
    ...{ method: 'patch', path: '/comments/:id', name: 'editComment', group, scope },
    summary: 'Changes a comment of one’s own.',
    ...{ params: ByUuid, body: z.strictObject({ text: Text, pictures: givenPictures('comment') }), answer: Said },
    run: async (ask, { params: { id }, body }) => {
      const { text } = checkForm(body, CommentForm.pick({ text: true }));
      await editComment(ask, ask.viewer, id, text, await givenOf(ask, body.pictures));
      const waiting = await isWaiting(ask.em, { kind: 'comment', id });
      return { id, url: `${ask.origin}/comments/${id}`, waiting };
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/comments/:id', name: 'deleteComment', group, scope },
    summary: 'Deletes a comment: one’s own, or one on one’s own page.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      await deleteComment(ask, ask.viewer, params.id);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'put', path: '/model-versions/:id/review', name: 'reviewVersion', group, scope },
    summary: 'Says what one found of a version. There is one review of each; again says it anew.',
    params: ById,
    body: z.strictObject({
      recommended: z.boolean(),
      text: z.string().max(10_000).default(''),
      pictures: givenPictures('review'),
    }),
    answer: Said,
    run: async (ask, { params, body }) => {
      ask.take(REVIEW);
      const { text } = checkForm({ verdict: body.recommended ? 'up' : 'down', text: body.text }, ReviewForm);
      const said = { isRecommended: body.recommended, text, pictures: await givenOf(ask, body.pictures) };
      const id = await writeReview(ask, ask.viewer, params.id, said);
      return { id, url: `${ask.origin}/reviews/${id}`, waiting: await isWaiting(ask.em, { kind: 'review', id }) };
    },
  }),
  defineOperation({
    ...{ method: 'get', path: '/reviews/:id', name: 'getReview', group, params: ByUuid },
    summary: 'A review, with its example pictures.',
    answer: Review,
    run: async (ask, { params: { id } }) => {
      await loadSubject(ask.em, ask.viewer, { kind: 'review', id });
      const placed = await loadPlacedReview(ask, id);
      if (!placed) throw new AppError('not_found', 'There is no such review.');
      const { account, isRecommended, html, postedAt, likeCount, commentCount, pictures: shown } = placed.review;
      return {
        ...{ id, url: `${ask.origin}/reviews/${id}`, username: nameOf(account), recommended: isRecommended, html },
        ...{ likeCount, commentCount, createdAt: new Date(postedAt).toISOString() },
        pictures: picturesIn(ask.origin, shown),
      };
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/reviews/:id', name: 'deleteReview', group, scope },
    summary: 'Deletes a review of one’s own.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      await deleteReview(ask, ask.viewer, params.id);
      return done;
    },
  }),
  defineOperation({
    ...{ method: 'get', path: '/rules', name: 'listRules', group },
    summary: 'The rules of this node, by which things are reported.',
    answer: z.object({
      items: z.array(
        z.object({ id: z.string(), number: z.int(), title: z.string(), text: z.string(), category: z.string() }),
      ),
    }),
    run: async ({ em }) => ({
      items: (await listRules(em)).map((rule) => {
        const { id, number, title, text, category } = ruleView(rule);
        return { id, number, title, text, category };
      }),
    }),
  }),
  defineOwn({
    ...{ method: 'get', path: '/reports', name: 'listReports', group, scope: 'read' },
    summary: 'What one reported and what became of it, the newest first.',
    query: z.object({ before: z.uuid().toLowerCase().optional() }),
    answer: z.object({
      items: z.array(
        z.object({
          ...{ id: z.string(), kind: z.string(), url: z.string(), title: z.string(), reason: z.string() },
          ...{ text: z.string(), createdAt: z.iso.datetime(), outcome: z.string(), open: z.boolean() },
        }),
      ),
      nextBefore: z.string().optional(),
    }),
    run: async (ask, { query }) => {
      const { reports, nextBefore } = await listOwnReports(ask, query.before ?? null);
      return {
        items: reports.map(({ isOpen, ...report }) => ({ ...report, open: isOpen })),
        ...(nextBefore ? { nextBefore } : {}),
      };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/reports', name: 'fileReport', group, scope, status: 201 },
    summary: 'Reports something to the moderators: by a rule of this node, or in other words.',
    body: z.strictObject({
      about: About,
      /** A rule by its id, or `other`. */
      reason: z.union([z.uuid().toLowerCase(), z.literal('other')]),
      text: z.string().max(4_000).default(''),
      link: z.string().max(2_048).default(''),
      /** The rating that it should have, where its rating is what is wrong. */
      nsfwLevel: z.literal([1, 2, 4, 8, 16]).optional(),
    }),
    answer: z.object({ id: z.string() }),
    run: async (ask, { body: { about, nsfwLevel, ...form } }) => {
      ask.take(TRIES);
      const name = readThingName(about);
      if (!name) throw new AppError('not_found', 'There is nothing at this address.');
      const level = nsfwLevel === undefined ? '' : String(nsfwLevel);
      return { id: (await fileReport(ask, name, checkForm({ ...form, level }, ReportForm))).id };
    },
  }),
];
