import type Router from '@koa/router';
import type { z } from 'zod';
import { browserOnly } from '../../accounts/access/guard.ts';
import { publisher } from '../../catalogue/own.ts';
import { Upload } from '../../catalogue/uploads/model.ts';
import { refusalOf, settled } from '../../catalogue/uploads/take.ts';
import { UPLOAD_URL } from '../../catalogue/uploads/tus.ts';
import { csvLine } from '../../kit/csv.ts';
import { AppError } from '../../kit/errors.ts';
import { failureOf } from '../../kit/web/errors.ts';
import { EMPTY_FORM, type FormState, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import { type MultipartForm, readMultipart } from '../../kit/web/multipart.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { TransferDeps } from '../deps.ts';
import { AddressForm, CivitaiForm, HuggingFaceForm } from './begin.ts';
import { type SourceKind, Transfer } from './model.ts';
import { listOwnPages } from './pages.ts';
import type { NewTransfer } from './transfers.ts';

interface ImportPage {
  readonly transfers: readonly {
    readonly url: string;
    readonly title: string;
    readonly state: string;
    readonly begunAt: string;
  }[];
  readonly maxBytes: number;
  readonly form: FormState;
  /** Which of the forms was refused. */
  readonly refused: string;
}
const importPage = view<ImportPage>('transfer/import');

export const BEGIN: Limit = { name: 'import', max: 30, perMs: 3_600_000 };
const PATIENCE_MS = 4_000;
const ARCHIVES = ['tessera', 'folder', 'pictures'] as const satisfies readonly SourceKind[];

/** `/import`: where things may come from, and what came. For those who may publish, in a browser. */
export function importRoutes(routes: Router<State>, deps: TransferDeps): void {
  const { transfers, limits } = deps;

  const show = async (ctx: Ctx, form: FormState = EMPTY_FORM, refused = '') => {
    const { em, viewer } = ctx.state.work;
    const { id } = publisher(viewer);
    const found = await em.find(Transfer, { account: id }, { orderBy: { createdAt: -1, id: -1 }, limit: 30 });
    ctx.set('Cache-Control', 'no-store');
    importPage(ctx, {
      transfers: found.map((transfer) => ({
        url: `/import/${transfer.id}`,
        title: titleOf(transfer),
        state: transfer.state,
        begunAt: transfer.createdAt.toISOString(),
      })),
      maxBytes: deps.uploads.limits.maxUploadBytes,
      ...{ form, refused },
      page: { title: t('import.title'), noindex: true },
    });
  };

  const begin = async (ctx: Ctx, given: NewTransfer) => {
    publisher(ctx.state.work.viewer);
    limits.take(ctx, BEGIN);
    ctx.redirect(`/import/${await transfers.begin(ctx.state.work, given)}`);
  };

  const fromForm = <Schema extends z.ZodType>(
    source: SourceKind,
    schema: Schema,
    given: (form: z.output<Schema>) => Omit<NewTransfer, 'source'>,
  ) =>
    routes.post(`/import/${source}`, browserOnly, (ctx) =>
      submitForm(
        ctx,
        schema,
        (form) => begin(ctx, { source, ...given(form) }),
        (state) => show(ctx, state, source),
      ),
    );

  routes.get('/import', browserOnly, (ctx) => show(ctx));
  fromForm('tessera', AddressForm, ({ place }) => ({ place }));
  fromForm('civitai', CivitaiForm, ({ place, who, secret }) => ({ place, who, key: secret }));
  fromForm('huggingface', HuggingFaceForm, ({ place, secret }) => ({ place, key: secret }));

  routes.post('/import/archive', browserOnly, async (ctx) => {
    const { viewer } = ctx.state.work;
    publisher(viewer);
    const form = await readMultipart(ctx, {
      folder: deps.uploadsDir,
      maxFiles: 1,
      maxFileBytes: deps.uploads.limits.maxUploadBytes,
    });
    const source = ARCHIVES.find((one) => one === [form.fields.source].flat()[0]) ?? 'tessera';
    try {
      await begin(ctx, { source, ...(await takeArchive(ctx, form)) });
    } catch (error) {
      const { isFault, message, status } = failureOf(error);
      if (isFault) throw error;
      await show(ctx, { values: { source }, errors: {}, message }, 'archive');
      ctx.status = status;
    } finally {
      await form.discard();
    }
  });

  /** What went up by tus was looked through then; what a plain form carries is looked through by the job. */
  async function takeArchive(ctx: Ctx, form: MultipartForm): Promise<Omit<NewTransfer, 'source'>> {
    const { work } = ctx.state;
    const [file] = form.files;
    if (file) {
      const { sha256 } = await work.files.put({ path: file.path, move: true });
      return { place: file.fileName, archiveSha256: sha256, isJudged: false };
    }
    const uploadId = UPLOAD_URL.exec(String([form.fields.archive].flat()[0] ?? ''))?.[1];
    if (!uploadId) throw new AppError('invalid', t('import.choose-archive'));
    await settled(deps.openWork, [uploadId], PATIENCE_MS);
    const { em } = deps.openWork();
    const upload = await em.findOne(Upload, { id: uploadId, owner: publisher(work.viewer).id });
    if (upload?.state === 'refused') throw refusalOf(upload);
    if (upload?.state !== 'ready' || !upload.sha256) throw new AppError('conflict', t('import.still-read'));
    const { sha256, fileName } = upload;
    // the row of the transfer names the bytes before that of the upload goes
    ctx.res.once('finish', () => void deps.uploads.discard(deps.openWork(), uploadId));
    return { place: fileName, archiveSha256: sha256 };
  }

  routes.get('/import/addresses.csv', browserOnly, async (ctx) => {
    publisher(ctx.state.work.viewer);
    ctx.set('Content-Disposition', 'attachment; filename="addresses.csv"');
    ctx.type = 'text/csv';
    const found = await listOwnPages(ctx.state.work, deps.publicUrl);
    ctx.body = [csvLine(['Old address', 'New address']), ...found.map(({ from, to }) => csvLine([from, to]))].join('');
  });
}

export const titleOf = ({ source, place, who }: Transfer): string => {
  const shown = source === 'tessera' && URL.canParse(place) ? new URL(place).host : place;
  return `${t(`import.source.${source}`)}: ${who ? `${who}, ` : ''}${shown}`;
};
