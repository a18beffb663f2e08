import Router from '@koa/router';
import { anyone, staffOnly } from '../../accounts/access/guard.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { EMPTY_FORM, type FormState, idParam, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { ModerationDeps } from '../deps.ts';
import { addRule, changeRule, confirmRules, RuleForm, retireRule, wereRulesSeen } from './edit.ts';
import { listRules, type RuleView, ruleView } from './list.ts';
import { RULE_CATEGORIES } from './model.ts';

interface RulesPage {
  /** Markdown of the owner, before the numbered rules. */
  readonly text: string;
  readonly rules: readonly RuleView[];
}
const rulesPage = view<RulesPage>('moderation/rules');

interface EditorNow {
  readonly rules: readonly RuleView[];
  readonly categories: readonly { readonly value: string; readonly label: string }[];
  /** Nobody of this node looked at them yet, as far as it knows. */
  readonly isUnseen: boolean;
  /** The number of the rule whose form was refused; 0 for the new one. */
  readonly refused: number;
}
const editorPage = adminPage<EditorNow>('moderation/rules-edit');

/** `/rules`: everybody. `/moderation/rules`: those who manage rules. */
export function ruleRoutes(deps: ModerationDeps): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('manageRules');

  routes.get('/rules', anyone, async (ctx) => {
    const { em } = ctx.state.work;
    const node = await deps.settings.read(em, nodeSettings);
    const rules = (await listRules(em)).map(ruleView);
    rulesPage(ctx, { text: node.rules, rules, page: { title: t('rules.title') } });
  });

  const showEditor = async (ctx: Ctx, refused = 0, form: FormState = EMPTY_FORM) => {
    const rules = (await listRules(ctx.state.work.em)).map(ruleView);
    const categories = RULE_CATEGORIES.map((value) => ({ value, label: t(`category.${value}`) }));
    const isUnseen = !(await wereRulesSeen(ctx.state.work.em));
    await editorPage(ctx, deps, t('admin.rules'), { rules, categories, isUnseen, refused }, form);
  };

  routes.get('/moderation/rules', staff, (ctx) => showEditor(ctx));

  routes.post('/moderation/rules', staff, async (ctx) => {
    await submitForm(
      ctx,
      RuleForm,
      async (form) => {
        const { number } = await addRule(ctx.state.work, form);
        ctx.redirect(`/moderation/rules?said=rule-added#rule-${number}`);
      },
      (form) => showEditor(ctx, 0, form),
    );
  });

  routes.post('/moderation/rules/confirmation', staff, async (ctx) => {
    await confirmRules(ctx.state.work);
    ctx.redirect('/moderation/rules?said=rules-confirmed');
  });

  routes.post('/moderation/rules/:id', staff, async (ctx) => {
    const number = idParam(ctx);
    await submitForm(
      ctx,
      RuleForm,
      async (form) => {
        await changeRule(ctx.state.work, number, form);
        ctx.redirect(`/moderation/rules?said=rule-changed#rule-${number}`);
      },
      (form) => showEditor(ctx, number, form),
    );
  });

  routes.post('/moderation/rules/:id/removal', staff, async (ctx) => {
    await retireRule(ctx.state.work, idParam(ctx));
    ctx.redirect('/moderation/rules?said=rule-retired');
  });

  return routes;
}
