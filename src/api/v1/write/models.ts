import { createModel, createVersion } from '../../../catalogue/create.ts';
import { deleteModel, deleteVersion, restoreModel, restoreVersion } from '../../../catalogue/delete.ts';
import { saveVersion, VersionForm } from '../../../catalogue/edit.ts';
import { publishVersion, scheduleVersion, unpublishVersion } from '../../../catalogue/publish.ts';
import { rows } from '../../../kit/database/sql.ts';
import { AppError } from '../../../kit/errors.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ById } from '../query.ts';
import { Done, done, Published, published, When } from './said.ts';
import { fieldsOf, filledForm, loadOwnVersionView, ModelBody, OwnVersion, VersionBody } from './version-body.ts';

const group = 'Models';
const scope = 'write:models';
const NEW_MODEL = { name: 'api-model', max: 200, perMs: 3_600_000 };

/** What was published is told of by its words as they are now. */
const fresh = (ask: OwnAsk): OwnAsk => ({ ...ask, em: ask.em.fork() });

async function save(ask: OwnAsk, versionId: number, model: ModelBody, version: VersionBody) {
  const form = checkForm(await filledForm(ask, versionId, model, version), VersionForm);
  await saveVersion(fresh(ask), versionId, form);
  return loadOwnVersionView(ask, versionId);
}

/** The fields of a model are changed through one of its versions, whichever. Throws `not_found`. */
async function versionOf({ em }: OwnAsk, modelId: number): Promise<number> {
  const [found] = await rows<{ id: number }>(
    em,
    `select id from model_version where model_id = ? and state <> 'deleted' order by position, id limit 1`,
    [modelId],
  );
  if (!found) throw new AppError('not_found', 'There is no such model.');
  return found.id;
}

async function publication(ask: OwnAsk, id: number, publishAt: string | undefined) {
  const { model } =
    publishAt === undefined
      ? await publishVersion(fresh(ask), id)
      : await scheduleVersion(fresh(ask), id, new Date(publishAt));
  return published(ask.em, `${ask.origin}/models/${model.id}?version=${id}`, { kind: 'model', id: model.id });
}

export const MODEL_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'post', path: '/models', name: 'createModel', group, scope, status: 201, once: true },
    summary: 'A draft of a model with its first version. What is left out is filled in from the first file.',
    body: ModelBody.extend({ version: VersionBody.optional() }),
    answer: OwnVersion,
    run: async (ask, { body: { version = {}, ...model } }) => {
      ask.take(NEW_MODEL);
      // what does not fit leaves no draft behind
      checkForm({ type: 'Other', level: '1', ...fieldsOf(model, version) }, VersionForm);
      const made = await createModel(fresh(ask));
      try {
        return await save(ask, made.id, model, version);
      } catch (error) {
        await deleteModel(fresh(ask), made.model.id);
        throw error;
      }
    },
  }),
  defineOwn({
    ...{ method: 'patch', path: '/models/:id', name: 'editModel', group, scope },
    summary: 'Changes what a model says of itself. What is left out stays.',
    ...{ params: ById, body: ModelBody, answer: OwnVersion },
    run: async (ask, { params, body }) => save(ask, await versionOf(ask, params.id), body, {}),
  }),
  defineOwn({
    ...{ method: 'delete', path: '/models/:id', name: 'deleteModel', group, scope },
    summary: 'Deletes a model. It can be brought back for ten minutes.',
    ...{ params: ById, answer: Done },
    run: async (ask, { params }) => {
      await deleteModel(ask, params.id);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/models/:id/restoration', name: 'restoreModel', group, scope },
    summary: 'Brings back a model that was deleted within ten minutes.',
    ...{ params: ById, answer: Done },
    run: async (ask, { params }) => {
      await restoreModel(ask, params.id);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/models/:id/versions', name: 'createVersion', group, scope, status: 201, once: true },
    summary: 'A draft of a further version.',
    ...{ params: ById, body: VersionBody, answer: OwnVersion },
    run: async (ask, { params, body }) => {
      ask.take(NEW_MODEL);
      const made = await createVersion(fresh(ask), params.id, body.name ?? '');
      return save(ask, made.id, {}, body);
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/model-versions/:id/draft', name: 'getOwnVersion', group, scope: 'read' },
    summary: 'A version of one’s own as it can be edited, with the uploads that are on their way into it.',
    ...{ params: ById, answer: OwnVersion },
    run: (ask, { params }) => loadOwnVersionView(ask, params.id),
  }),
  defineOwn({
    ...{ method: 'patch', path: '/model-versions/:id', name: 'editVersion', group, scope },
    summary: 'Changes a version. What is left out stays; what is public shows it at once.',
    ...{ params: ById, body: VersionBody, answer: OwnVersion },
    run: (ask, { params, body }) => save(ask, params.id, {}, body),
  }),
  defineOwn({
    ...{ method: 'delete', path: '/model-versions/:id', name: 'deleteVersion', group, scope },
    summary: 'Deletes a version. It can be brought back for ten minutes.',
    ...{ params: ById, answer: Done },
    run: async (ask, { params }) => {
      await deleteVersion(ask, params.id);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/model-versions/:id/restoration', name: 'restoreVersion', group, scope },
    summary: 'Brings back a version that was deleted within ten minutes.',
    ...{ params: ById, answer: Done },
    run: async (ask, { params }) => {
      await restoreVersion(ask, params.id);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/model-versions/:id/publication', name: 'publishVersion', group, scope, once: true },
    summary: 'Makes a version public, now or at a time within the next year.',
    ...{ params: ById, body: When, answer: Published },
    run: (ask, { params, body }) => publication(ask, params.id, body.publishAt),
  }),
  defineOwn({
    ...{ method: 'delete', path: '/model-versions/:id/publication', name: 'unpublishVersion', group, scope },
    summary: 'Takes a version back to its owner alone, or drops its schedule.',
    ...{ params: ById, answer: OwnVersion },
    run: async (ask, { params }) => {
      await unpublishVersion(fresh(ask), params.id);
      return loadOwnVersionView(ask, params.id);
    },
  }),
];
