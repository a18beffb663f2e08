import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly, viewerIn } from '../../accounts/access/guard.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { sendReviewed } from '../../gallery/images/media-routes.ts';
import { AppError } from '../../kit/errors.ts';
import { VEILS, type Veil } from '../../kit/storage/images-veil.ts';
import { sendBytes } from '../../kit/web/bytes.ts';
import { EMPTY_FORM, type FormState, readForm, readQuery, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { ModerationDeps } from '../deps.ts';
import { DecisionForm, decideRow, undoDecision } from './decide.ts';
import { countExposure, type Exposures, loadExposures } from './exposure.ts';
import { countQueue, findNext, listQueue, type QueueItem } from './list.ts';
import { assignRow, loadRow, releaseLock, renewLock } from './lock.ts';
import { QUEUE_KINDS, QueueDecision } from './model.ts';
import { noteLook } from './private.ts';
import { openRowPage, type RowPage } from './row-page.ts';

interface QueueNow {
  readonly items: readonly QueueItem[];
  readonly filter: { readonly kind: string; readonly whose: string };
  readonly kinds: readonly { readonly kind: string; readonly count: number }[];
  readonly nextUrl: string;
  readonly firstUrl: string;
  readonly exposures: Exposures;
  readonly undo: Undo | null;
}
const queuePage = adminPage<QueueNow>('moderation/queue');

/** The decision that can still be taken back. */
interface Undo {
  readonly id: string;
  readonly choice: string;
  readonly seconds: number;
  /** UTC, for one that stays open longer than a clock of seconds is for. */
  readonly until: string;
}

interface RowNow extends RowPage {
  /** Of its pictures, for a few minutes and this session. */
  readonly pictureUrls: readonly string[];
  readonly nextUrl: string;
  readonly exposures: Exposures;
  readonly undo: Undo | null;
}
const rowPage = adminPage<RowNow>('moderation/row');

const QueueQuery = z.object({
  kind: z.enum(QUEUE_KINDS).or(z.literal('')).catch('').default(''),
  whose: z.enum(['all', 'mine', 'free']).catch('all').default('all'),
  cursor: z.string().max(200).catch('').default(''),
});
const UndoQuery = z.object({ undo: z.uuid().or(z.literal('')).catch('').default('') });
const VeilForm = z.object({ veil: z.enum(VEILS) });
const AssignForm = z.object({ on: z.enum(['0', '1']) });

/** `/moderation`: moderators; each row also asks for the permission that its kind needs. */
export function queueRoutes(deps: ModerationDeps): Router<State> {
  const { desks, signed } = deps;
  const routes = new Router<State>();
  const staff = staffOnly('moderateContent');

  const undoOf = async (ctx: Ctx): Promise<Undo | null> => {
    const { undo } = readQuery(ctx, UndoQuery);
    const { em, now } = ctx.state.work;
    const decision = undo
      ? await em.findOne(QueueDecision, { id: undo, decidedById: viewerIn(ctx).id, state: 'pending' })
      : null;
    if (!decision) return null;
    const seconds = Math.max(0, Math.ceil((decision.executesAt.getTime() - now().getTime()) / 1_000));
    const until = decision.executesAt.toISOString().slice(0, 16).replace('T', ' ');
    return { id: decision.id, choice: t(`queue-choice.${decision.choice}`), seconds, until };
  };

  routes.get('/moderation', staff, async (ctx) => {
    const { work } = ctx.state;
    const query = readQuery(ctx, QueueQuery);
    const { items, nextCursor } = await listQueue(work, desks, query);
    const next = new URLSearchParams({ kind: query.kind, whose: query.whose, cursor: nextCursor });
    await queuePage(ctx, deps, t('admin.queue'), {
      items,
      filter: { kind: query.kind, whose: query.whose },
      kinds: await countQueue(work.em, viewerIn(ctx)),
      nextUrl: nextCursor ? `/moderation?${next}` : '',
      firstUrl: await findNext(work, desks),
      exposures: await loadExposures(work, viewerIn(ctx)),
      undo: await undoOf(ctx),
    });
  });

  const showRow = async (
    ctx: Ctx & { params: Record<string, string | undefined> },
    veil: Veil,
    form: FormState = EMPTY_FORM,
  ) => {
    const { work } = ctx.state;
    const row = await openRowPage(work, desks, uuidParam(ctx), veil);
    await rowPage(
      ctx,
      deps,
      row.title,
      {
        ...row,
        pictureUrls: pictureUrlsOf(row).map((path) => signed.sign(ctx, path)),
        nextUrl: (await findNext(work, desks, row.id)) || '/moderation',
        exposures: await loadExposures(work, viewerIn(ctx)),
        undo: await undoOf(ctx),
      },
      form,
    );
  };

  routes.get('/moderation/queue/:id', staff, (ctx) => showRow(ctx, 'full'));

  routes.post('/moderation/queue/:id/view', staff, async (ctx) => {
    const { veil } = await readForm(ctx, VeilForm);
    const { work } = ctx.state;
    const row = await loadRow(work.em, viewerIn(ctx), uuidParam(ctx));
    const evidence = await desks.deskOf(row)?.load(work.em, row);
    if (veil !== 'full' && evidence?.isHarmful) await countExposure(work.em, viewerIn(ctx), work.now());
    await showRow(ctx, veil);
  });

  // what is kept back is served to nobody by its own address
  routes.get('/moderation/queue/:id/images/:n', staff, async (ctx) => {
    signed.assert(ctx);
    const { work } = ctx.state;
    const row = await loadRow(work.em, viewerIn(ctx), uuidParam(ctx));
    const evidence = await desks.deskOf(row)?.load(work.em, row);
    const imageId = /^\d{1,4}$/.test(ctx.params.n ?? '') ? evidence?.imageIds[Number(ctx.params.n)] : undefined;
    if (imageId === undefined) throw new AppError('not_found', 'There is no such picture.');
    await sendReviewed(ctx, imageId);
  });

  // no address of a picture that nobody published leads anywhere else
  routes.get('/moderation/queue/:id/pictures/:n', staff, async (ctx) => {
    signed.assert(ctx);
    const { work } = ctx.state;
    const row = await loadRow(work.em, viewerIn(ctx), uuidParam(ctx));
    const evidence = await desks.deskOf(row)?.load(work.em, row);
    const picture = /^\d{1,4}$/.test(ctx.params.n ?? '') ? evidence?.pictures?.[Number(ctx.params.n)] : undefined;
    const stat = picture ? await work.files.stat(picture.sha256) : null;
    if (!picture || !stat) throw new AppError('not_found', 'There is no such picture.');
    await noteLook({ ...work, viewer: viewerIn(ctx) }, row);
    await sendBytes(ctx, {
      ...{ files: work.files, sha256: picture.sha256, totalBytes: stat.totalBytes, contentType: picture.mediaType },
      ...{ fileName: `evidence-${ctx.params.n}`, disposition: 'inline', cacheControl: 'private, no-store' },
    });
  });

  routes.post('/moderation/queue/:id/decision', staff, async (ctx) => {
    const id = uuidParam(ctx);
    await submitForm(
      ctx,
      DecisionForm,
      async (form) => {
        const { state, decisionId } = await decideRow(ctx.state.work, desks, id, form);
        const next = state === 'waits' ? '' : await findNext(ctx.state.work, desks, id);
        ctx.redirect(`${next || '/moderation'}?said=queue-${state}${decisionId && `&undo=${decisionId}`}`);
      },
      (form) => showRow(ctx, 'full', form),
    );
  });

  routes.post('/moderation/decisions/:id/undo', staff, async (ctx) => {
    const { rowId } = await undoDecision(ctx.state.work, uuidParam(ctx));
    ctx.redirect(`/moderation/queue/${rowId}?said=queue-undone`);
  });

  // the page renews it while it is open
  routes.post('/moderation/queue/:id/lock', staff, async (ctx) => {
    ctx.status = (await renewLock(ctx.state.work, uuidParam(ctx))) ? 204 : 409;
  });

  routes.post('/moderation/queue/:id/lock/removal', staff, async (ctx) => {
    await releaseLock(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/moderation');
  });

  routes.post('/moderation/queue/:id/assignment', staff, async (ctx) => {
    const { on } = await readForm(ctx, AssignForm);
    await assignRow(ctx.state.work, uuidParam(ctx), on === '1');
    ctx.redirect(`/moderation/queue/${uuidParam(ctx)}`);
  });

  return routes;
}

const pictureUrlsOf = ({ id, evidence }: RowPage): string[] => [
  ...(evidence?.pictures ?? []).map((_, n) => `/moderation/queue/${id}/pictures/${n}`),
  ...(evidence?.imageIds ?? []).map((_, n) => `/moderation/queue/${id}/images/${n}`),
];
