import { z } from 'zod';
import { publisher } from '../../../catalogue/own.ts';
import { AppError } from '../../../kit/errors.ts';
import { findStatus } from '../../../kit/queue/status.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import { AccountExport } from '../../../transfer/export/model.ts';
import { BEGIN as BEGIN_EXPORT } from '../../../transfer/export/routes.ts';
import { archiveAddress } from '../../../transfer/export/send.ts';
import { AddressForm, CivitaiForm, HuggingFaceForm } from '../../../transfer/import/begin.ts';
import { ChoiceForm, chooseItems, tryAgain } from '../../../transfer/import/choose.ts';
import { ITEM_KINDS, type SourceKind, Transfer } from '../../../transfer/import/model.ts';
import { countKinds, listItems, loadOwnTransfer, stateOf } from '../../../transfer/import/own.ts';
import { BEGIN as BEGIN_IMPORT, titleOf } from '../../../transfer/import/routes.ts';
import { defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ByUuid } from '../query.ts';
import { Done, done } from '../write/said.ts';

const group = 'Moving in and out';
const scope = 'transfer';

const Import = z.object({
  ...{ id: z.uuid(), title: z.string(), state: z.string(), createdAt: z.iso.datetime() },
  /** Why nothing could be read. */
  message: z.string(),
});
const Count = z.object({ kind: z.enum(ITEM_KINDS), state: z.string(), count: z.int(), bytes: z.number() });
const Item = z.object({
  id: z.string(),
  kind: z.enum(ITEM_KINDS),
  title: z.string(),
  state: z.string(),
  message: z.string(),
});
const WholeImport = Import.extend({ notes: z.array(z.string()), counts: z.array(Count), items: z.array(Item) });

const lineOf = (transfer: Transfer, state: string = transfer.state): z.output<typeof Import> => ({
  ...{ id: transfer.id, title: titleOf(transfer), state, message: transfer.message ?? '' },
  createdAt: transfer.createdAt.toISOString(),
});

async function loadImport(asked: OwnAsk, id: string): Promise<z.output<typeof WholeImport>> {
  const ask = { ...asked, em: asked.em.fork() };
  const transfer = await loadOwnTransfer(ask, id);
  const { state } = await stateOf(ask, transfer);
  const items = await listItems(ask, id, ['found', 'failed', 'held', 'waiting', 'done', 'known']);
  const counts = await countKinds(ask, id);
  return {
    ...lineOf(transfer, state),
    notes: [...transfer.notes],
    counts: counts.map(({ totalBytes, ...count }) => ({ ...count, bytes: totalBytes })),
    items: items.map(({ id: itemId, kind, title, state: its, message }) => ({
      ...{ id: itemId, kind, title, state: its, message },
    })),
  };
}

const secret = z.string().max(500).default('');
const NewImport = z.discriminatedUnion('source', [
  z.strictObject({ source: z.literal('tessera'), place: z.url().max(2_000) }),
  z.strictObject({
    ...{ source: z.literal('civitai'), place: z.string().max(300).default(''), who: z.string().min(1).max(60), secret },
    /** That these are one’s own. */
    own: z.literal(true),
  }),
  z.strictObject({
    ...{ source: z.literal('huggingface'), place: z.string().min(1).max(300), secret, own: z.literal(true) },
  }),
]);

/** As the form of its page reads it. */
function givenOf(body: z.output<typeof NewImport>) {
  const source: SourceKind = body.source;
  if (body.source === 'tessera') return { source, ...checkForm(body, AddressForm) };
  const form = { ...body, own: '1' };
  if (body.source === 'huggingface') {
    const { place, secret: key } = checkForm(form, HuggingFaceForm);
    return { source, place, key };
  }
  const { place, who, secret: key } = checkForm(form, CivitaiForm);
  return { source, place, who, key };
}

const acts = (
  [
    ['stop', 'stopImport', 'Stops it; what came stays.'],
    ['retry', 'retryImport', 'Goes on with what a stop left, and tries again what failed.'],
  ] as const
).map(([act, name, summary]) =>
  defineOwn({
    ...{
      method: 'post',
      path: `/imports/:id/${act}`,
      name,
      summary,
      group,
      scope,
      params: ByUuid,
      answer: WholeImport,
    },
    run: async (ask, { params: { id } }) => {
      const { transfers } = ask.deps.transfer;
      const transfer = await loadOwnTransfer(ask, id);
      if (act === 'stop') await transfers.stop(ask, transfer);
      else {
        const { state } = await stateOf(ask, transfer);
        if (state === 'stopped') transfer.state = 'stopped';
        await tryAgain(transfers, ask, transfer);
      }
      return loadImport(ask, id);
    },
  }),
);

const IMPORT_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/imports', name: 'listImports', group, scope },
    summary: 'What one brought in from elsewhere, the newest thirty.',
    answer: z.object({ items: z.array(Import) }),
    run: async ({ em, viewer }) => {
      const { id } = publisher(viewer);
      const found = await em.find(Transfer, { account: id }, { orderBy: { createdAt: -1, id: -1 }, limit: 30 });
      return { items: found.map((one) => lineOf(one)) };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/imports', name: 'beginImport', group, scope, status: 202, once: true },
    summary: 'Looks what would come: from the address of an archive of another node, Civitai or Hugging Face.',
    ...{ body: NewImport, answer: WholeImport },
    run: async (ask, { body }) => {
      publisher(ask.viewer);
      ask.take(BEGIN_IMPORT);
      return loadImport(ask, await ask.deps.transfer.transfers.begin(ask, givenOf(body)));
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/imports/:id', name: 'getImport', group, scope },
    summary: 'How far it is: how many of each kind, and the first two hundred things.',
    ...{ params: ByUuid, answer: WholeImport },
    run: (ask, { params }) => loadImport(ask, params.id),
  }),
  defineOwn({
    ...{ method: 'post', path: '/imports/:id/choice', name: 'chooseImport', group, scope },
    summary: 'Brings in all things of these kinds but those that are left out.',
    params: ByUuid,
    body: z.strictObject({
      kinds: z.array(z.enum(ITEM_KINDS)).min(1).max(ITEM_KINDS.length),
      leaveOut: z.array(z.uuid()).max(500).default([]),
      /** What was public there is published here too. */
      publish: z.boolean().default(false),
    }),
    answer: WholeImport,
    run: async (ask, { params: { id }, body: { kinds, leaveOut, publish } }) => {
      const form = { kind: kinds, shown: leaveOut, item: [], ...(publish ? { publish: '1' } : {}) };
      await chooseItems(ask.deps.transfer.transfers, ask, await loadOwnTransfer(ask, id), checkForm(form, ChoiceForm));
      return loadImport(ask, id);
    },
  }),
  ...acts,
  defineOwn({
    ...{ method: 'delete', path: '/imports/:id', name: 'forgetImport', group, scope },
    summary: 'Forgets it. What came stays.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      await ask.deps.transfer.transfers.remove(ask, await loadOwnTransfer(ask, params.id));
      return done;
    },
  }),
];

const Export = z.object({
  state: z.enum(['none', 'making', 'ready', 'failed']),
  bytes: z.number(),
  leftOut: z.array(z.string()),
  message: z.string(),
  /** The archive, for whoever has this address. */
  url: z.url().optional(),
  expiresAt: z.iso.datetime().optional(),
});
const NO_EXPORT = { state: 'none' as const, bytes: 0, leftOut: [], message: '' };

async function loadExport({ em: asked, viewer, now, deps }: OwnAsk): Promise<z.output<typeof Export>> {
  const em = asked.fork();
  const row = await em.findOne(AccountExport, { account: viewer.id });
  if (!row || row.expiresAt <= now()) return NO_EXPORT;
  const { publicUrl, secretKey } = deps.transfer;
  const job = row.state === 'making' && row.jobId ? await findStatus(em, row.jobId) : null;
  const isLost = row.state === 'making' && job?.state !== 'queued' && job?.state !== 'running';
  return {
    ...{ state: isLost ? 'failed' : row.state, bytes: row.totalBytes, leftOut: [...row.leftOut] },
    message: isLost || row.state === 'failed' ? (row.message ?? t('export.broke')) : '',
    ...(row.state === 'ready' ? { url: archiveAddress(publicUrl, secretKey, row) } : {}),
    expiresAt: row.expiresAt.toISOString(),
  };
}

export const TRANSFER_OPERATIONS: readonly Operation[] = [
  ...IMPORT_OPERATIONS,
  defineOwn({
    ...{ method: 'get', path: '/me/export', name: 'getExport', group, scope, answer: Export },
    summary: 'The archive of all that is one’s own: whether it is made, and where.',
    run: loadExport,
  }),
  defineOwn({
    ...{ method: 'post', path: '/me/export', name: 'beginExport', group, scope, status: 202, answer: Export },
    summary: 'Makes such an archive; the one before goes.',
    run: async (ask) => {
      ask.take(BEGIN_EXPORT);
      await ask.deps.transfer.exports.begin(ask);
      return loadExport(ask);
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/me/export', name: 'deleteExport', group, scope, answer: Done },
    summary: 'Deletes the archive, or ends its making.',
    run: async ({ em, jobs, viewer }) => {
      const row = await em.findOne(AccountExport, { account: viewer.id });
      if (!row) throw new AppError('not_found', t('export.gone'));
      if (row.state === 'making' && row.jobId) await jobs.cancel(em, row.jobId);
      await em.nativeDelete(AccountExport, { id: row.id });
      return done;
    },
  }),
];
