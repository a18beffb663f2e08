import type Router from '@koa/router';
import { browserOnly } from '../../accounts/access/guard.ts';
import { followJob } from '../../compute/tool/live.ts';
import { failureOf } from '../../kit/web/errors.ts';
import { sendEvents } from '../../kit/web/event-stream.ts';
import { EMPTY_FORM, type FormState, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { TransferDeps } from '../deps.ts';
import { ChoiceForm, chooseItems, tryAgain } from './choose.ts';
import type { ItemKind, ItemState } from './model.ts';
import { countKinds, type ItemView, type KindCount, listItems, loadOwnTransfer, MOST_SHOWN, stateOf } from './own.ts';
import { titleOf } from './routes.ts';
import { countItems } from './run.ts';

interface TransferPage {
  readonly url: string;
  readonly title: string;
  readonly state: string;
  readonly message: string;
  readonly notes: readonly string[];
  readonly live: { readonly url: string; readonly value: number; readonly max: number; readonly note: string } | null;
  readonly kinds: readonly {
    readonly kind: ItemKind;
    readonly label: string;
    readonly count: number;
    readonly totalBytes: number;
    readonly isChosen: boolean;
  }[];
  readonly figures: readonly { readonly label: string; readonly value: number }[];
  readonly items: readonly ItemView[];
  readonly isCut: boolean;
  readonly hasFailed: boolean;
  readonly isFromNode: boolean;
  /** A folder says of nothing whether it was public. */
  readonly canPublish: boolean;
  readonly form: FormState;
}
const transferPage = view<TransferPage>('transfer/transfer');

const TOLD: readonly ItemState[] = ['failed', 'held', 'done', 'known', 'waiting'];

/** `/import/:id`: what would come, how far it is, and what became of it. Its owner's alone. */
export function oneTransferRoutes(routes: Router<State>, { transfers }: TransferDeps): void {
  const show = async (ctx: Ctx, id: string, form: FormState = EMPTY_FORM) => {
    const { work } = ctx.state;
    const transfer = await loadOwnTransfer(work, id);
    const { state, job } = await stateOf(work, transfer);
    const counts = await countKinds(work, transfer.id);
    const { done, total } = await countItems(work.em, transfer.id);
    const url = `/import/${transfer.id}`;
    const items =
      state === 'choosing' ? await listItems(work, transfer.id, ['found']) : await listTold(ctx, transfer.id);
    ctx.set('Cache-Control', 'no-store');
    transferPage(ctx, {
      ...{ url, title: titleOf(transfer), state, message: transfer.message ?? '', notes: transfer.notes },
      live: job && {
        url: `${url}/events`,
        value: state === 'looking' ? job.progressDone : done,
        max: state === 'looking' ? 0 : total || 100,
        note: job.progressNote,
      },
      kinds: kindsOf(counts),
      figures: figuresOf(counts),
      items,
      isCut: items.length >= MOST_SHOWN,
      hasFailed: counts.some((one) => one.state === 'failed'),
      isFromNode: transfer.source === 'tessera',
      canPublish: transfer.source !== 'folder' && transfer.source !== 'pictures',
      form,
      page: { title: t('import.title'), noindex: true },
    });
  };

  const listTold = async ({ state: { work } }: Ctx, id: string): Promise<ItemView[]> => {
    const lists = await Promise.all(TOLD.map((state) => listItems(work, id, [state])));
    return lists.flat().slice(0, MOST_SHOWN);
  };

  routes.get('/import/:id', browserOnly, (ctx) => show(ctx, uuidParam(ctx)));

  routes.get('/import/:id/events', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const { id, jobId } = await loadOwnTransfer(work, uuidParam(ctx));
    const noteOf = ({ state, progressNote }: { readonly state: string; readonly progressNote: string }) =>
      state === 'queued' ? t('import.waits') : progressNote;
    await sendEvents(ctx, (signal, lastEventId) =>
      followJob(work, { jobId: jobId ?? '', url: `/import/${id}`, noteOf }, signal, lastEventId),
    );
  });

  routes.post('/import/:id/choice', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const transfer = await loadOwnTransfer(work, uuidParam(ctx));
    await submitForm(
      ctx,
      ChoiceForm,
      async (form) => {
        await chooseItems(transfers, work, transfer, form);
        ctx.redirect(`/import/${transfer.id}`);
      },
      (state) => show(ctx, transfer.id, state),
    );
  });

  const act = (
    name: string,
    run: (ctx: Ctx, transfer: Awaited<ReturnType<typeof loadOwnTransfer>>) => Promise<void>,
    next: (id: string) => string,
  ) =>
    routes.post(`/import/:id/${name}`, browserOnly, async (ctx) => {
      const transfer = await loadOwnTransfer(ctx.state.work, uuidParam(ctx));
      try {
        await run(ctx, transfer);
        ctx.redirect(next(transfer.id));
      } catch (error) {
        const { isFault, message, status } = failureOf(error);
        if (isFault) throw error;
        await show(ctx, transfer.id, { ...EMPTY_FORM, message });
        ctx.status = status;
      }
    });

  const back = (id: string) => `/import/${id}`;
  act('stop', (ctx, transfer) => transfers.stop(ctx.state.work, transfer), back);
  act('retry', (ctx, transfer) => retry(ctx, transfer), back);
  act(
    'removal',
    (ctx, transfer) => transfers.remove(ctx.state.work, transfer),
    () => '/import',
  );

  async function retry(ctx: Ctx, transfer: Awaited<ReturnType<typeof loadOwnTransfer>>): Promise<void> {
    // a job that was lost left it running
    const { state } = await stateOf(ctx.state.work, transfer);
    if (state === 'stopped') transfer.state = 'stopped';
    await tryAgain(transfers, ctx.state.work, transfer);
  }
}

function kindsOf(counts: readonly KindCount[]): TransferPage['kinds'] {
  const kinds = [...new Set(counts.map(({ kind }) => kind))];
  return kinds.map((kind) => {
    const own = counts.filter((one) => one.kind === kind);
    const count = own.reduce((sum, one) => sum + one.count, 0);
    const totalBytes = own.reduce((sum, one) => sum + one.totalBytes, 0);
    // it takes the place of what stands there, so somebody has to say so
    return { kind, label: t(`import.kind.${kind}`), count, totalBytes, isChosen: kind !== 'profile' };
  });
}

const figuresOf = (counts: readonly KindCount[]): TransferPage['figures'] =>
  TOLD.flatMap((state) => {
    const value = counts.reduce((sum, one) => (one.state === state ? sum + one.count : sum), 0);
    return value > 0 ? [{ label: t(`import.state.${state}`), value }] : [];
  });
