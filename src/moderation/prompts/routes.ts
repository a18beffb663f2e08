import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../accounts/access/guard.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { failureOf } from '../../kit/web/errors.ts';
import { type FormState, readQuery, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { ModerationDeps } from '../deps.ts';
import { addRuleSet, RuleSetForm, removeRuleSet, setRuleSetState } from './edit.ts';
import {
  COUNTED_DAYS,
  countShadow,
  countVerdicts,
  listRuleSets,
  type RuleSetView,
  type ShadowCount,
  textOfRuleSet,
  type VerdictCount,
} from './list.ts';

interface PromptRulesNow {
  readonly sets: readonly RuleSetView[];
  /** Of the rules in the shadow; '' when there are none. */
  readonly shadowVersion: string;
  readonly shadow: readonly ShadowCount[];
  readonly verdicts: readonly VerdictCount[];
  readonly days: number;
  /** What the form begins with. */
  readonly text: string;
}
const rulesPage = adminPage<PromptRulesNow>('moderation/prompt-rules');

const HOME = '/moderation/prompt-rules';
const FromQuery = z.object({ from: z.string().max(60).catch('').default('') });
const MOVES = { shadow: 'shadow', activation: 'active', retirement: 'retired' } as const;

/** `/moderation/prompt-rules`: the rules that words are read by, for those who manage rules. */
export function promptRuleRoutes(deps: ModerationDeps): Router<State> {
  const { screening } = deps;
  const routes = new Router<State>();
  const staff = staffOnly('manageRules');

  const show = async (ctx: Ctx, form?: FormState) => {
    const { em, now } = ctx.state.work;
    const fresh = em.fork();
    const sets = await listRuleSets(fresh);
    const props: PromptRulesNow = {
      ...{ sets, days: COUNTED_DAYS, shadowVersion: sets.find(({ state }) => state === 'shadow')?.version ?? '' },
      ...{ shadow: await countShadow(fresh), verdicts: await countVerdicts(fresh, now()) },
      text: await textOfRuleSet(fresh, readQuery(ctx, FromQuery).from),
    };
    await rulesPage(ctx, deps, t('admin.prompt-rules'), props, form);
  };

  routes.get(HOME, staff, (ctx) => show(ctx));

  routes.post(HOME, staff, (ctx) =>
    submitForm(
      ctx,
      RuleSetForm,
      async ({ rules }) => {
        const { version } = await addRuleSet(ctx.state.work, screening, rules);
        ctx.redirect(`${HOME}?said=prompt-rules-added#${version}`);
      },
      (form) => show(ctx, form),
    ),
  );

  for (const [path, next] of Object.entries(MOVES)) {
    routes.post(`${HOME}/:id/${path}`, staff, async (ctx) => {
      await orShow(ctx, show, () => setRuleSetState(ctx.state.work, screening, uuidParam(ctx), next), next);
    });
  }
  routes.post(`${HOME}/:id/removal`, staff, async (ctx) => {
    await orShow(ctx, show, () => removeRuleSet(ctx.state.work, uuidParam(ctx)), 'removed');
  });

  return routes;
}

/** A refusal stands on the page on which the button is. */
async function orShow(
  ctx: Ctx,
  show: (ctx: Ctx, form: FormState) => Promise<void>,
  act: () => Promise<void>,
  said: string,
): Promise<void> {
  try {
    await act();
  } catch (error) {
    const { isFault, kind, status, message } = failureOf(error);
    if (isFault || (kind !== 'invalid' && kind !== 'conflict')) throw error;
    await show(ctx, { values: {}, errors: {}, message });
    ctx.status = status;
    return;
  }
  ctx.redirect(`${HOME}?said=prompt-rules-${said}`);
}
