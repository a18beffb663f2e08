import type Router from '@koa/router';
import { staffOnly } from '../../accounts/access/guard.ts';
import { EMPTY_FORM, type FormState, readForm, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { type PageHead, view } from '../../kit/web/views.ts';
import { listSynonyms, loadTag, removeSynonym, SynonymForm, setSynonym } from './synonyms.ts';
import { listTagTexts, RestoreForm, restoreTagText, TagTextForm, type TagTextState, writeTagText } from './text.ts';

interface TagEditPage {
  readonly name: string;
  readonly url: string;
  readonly synonyms: readonly string[];
  readonly text: string;
  /** The state that is changed. */
  readonly from: string;
  readonly states: readonly TagTextState[];
  readonly form: FormState;
  /** Which of the two forms was refused. */
  readonly refused: '' | 'text' | 'word';
  readonly page: PageHead;
}

const editPage = view<TagEditPage>('gallery/tag-edit');
const KEEPERS = staffOnly('moderateContent');
type TagCtx = Ctx & { params: Record<string, string | undefined> };

/** What moderators write about tags; each change is in the audit log. */
export function tagRoutes(routes: Router<State>): void {
  const nameOf = (ctx: TagCtx) => ctx.params.tag ?? '';
  const urlOf = (ctx: TagCtx) => `/tags/${encodeURIComponent(nameOf(ctx))}`;

  const show = async (ctx: TagCtx, form: FormState = EMPTY_FORM, refused: TagEditPage['refused'] = '') => {
    const { em } = ctx.state.work;
    const tag = await loadTag(em, nameOf(ctx));
    const states = await listTagTexts(em, tag.id);
    const [newest] = states;
    editPage(ctx, {
      ...{ name: tag.name, url: `/tags/${encodeURIComponent(tag.name)}`, form, refused },
      synonyms: await listSynonyms(em, tag.id),
      text: refused === 'text' ? String(form.values.text ?? '') : (newest?.text ?? ''),
      from: newest?.id ?? '',
      states,
      page: { title: t('tag.edit-title', { name: tag.name }), noindex: true },
    });
  };

  routes.get('/tags/:tag/edit', KEEPERS, (ctx) => show(ctx));

  routes.post('/tags/:tag/text', KEEPERS, (ctx) =>
    submitForm(
      ctx,
      TagTextForm,
      async (form) => {
        await writeTagText(ctx.state.work, nameOf(ctx), form);
        ctx.redirect(urlOf(ctx));
      },
      (form) => show(ctx, form, 'text'),
    ),
  );

  routes.post('/tags/:tag/text/restoration', KEEPERS, async (ctx) => {
    await restoreTagText(ctx.state.work, nameOf(ctx), await readForm(ctx, RestoreForm));
    ctx.redirect(`${urlOf(ctx)}/edit`);
  });

  routes.post('/tags/:tag/synonyms', KEEPERS, (ctx) =>
    submitForm(
      ctx,
      SynonymForm,
      async (form) => {
        await setSynonym(ctx.state.work, nameOf(ctx), form);
        ctx.redirect(`${urlOf(ctx)}/edit`);
      },
      (form) => show(ctx, form, 'word'),
    ),
  );

  routes.post('/tags/:tag/synonyms/removal', KEEPERS, async (ctx) => {
    await removeSynonym(ctx.state.work, nameOf(ctx), await readForm(ctx, SynonymForm));
    ctx.redirect(`${urlOf(ctx)}/edit`);
  });
}
