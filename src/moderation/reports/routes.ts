import Router from '@koa/router';
import { z } from 'zod';
import { browserOnly, membersOnly } from '../../accounts/access/guard.ts';
import { AppError } from '../../kit/errors.ts';
import { EMPTY_FORM, type FormState, readQuery, readRawForm, submitRaw } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { RATINGS, ratingLabel } from '../../safety/ratings.ts';
import type { ModerationDeps } from '../deps.ts';
import { listRules, type RuleView, ruleView } from '../rules/list.ts';
import { fileReport, ReportForm } from './file.ts';
import { hasReported, listOwnReports, type OwnReport } from './own.ts';
import { assertMayReport, findThing, readThingName, type ThingName } from './thing.ts';

interface NewReportPage {
  readonly about: string;
  readonly kind: string;
  readonly title: string;
  readonly url: string;
  readonly isKnown: boolean;
  /** Of a picture or a model: its rating may be doubted. */
  readonly rating: string;
  readonly rules: readonly RuleView[];
  readonly ratings: readonly { readonly value: string; readonly label: string }[];
  readonly form: FormState;
}
const newPage = view<NewReportPage>('moderation/report-new');
const thanksPage = view<{ readonly url: string }>('moderation/report-thanks');
const ownPage = view<{ readonly reports: readonly OwnReport[]; readonly nextUrl: string }>('moderation/reports');

const About = z.object({ about: z.string().max(60).default('') });
const OwnQuery = z.object({ before: z.uuid().nullable().default(null).catch(null) });

/** Forms, also refused ones; what counts is limited in the service. */
export const TRIES: Limit = { name: 'report', max: 60, perMs: 3_600_000 };

/** `/reports/new`, `/reports`: members, each what they see and what they reported themselves. */
export function reportRoutes({ limits }: ModerationDeps): Router<State> {
  const routes = new Router<State>();

  const nameOf = (about: string): ThingName => {
    const name = readThingName(about);
    if (!name) throw new AppError('not_found', 'There is nothing at this address.');
    return name;
  };

  const showForm = async (ctx: Ctx, about: string, form: FormState = EMPTY_FORM) => {
    const { work } = ctx.state;
    const { em, viewer } = work;
    const name = nameOf(about);
    if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
    await assertMayReport(em, viewer, name);
    const thing = await findThing(em, name);
    if (!thing) throw new AppError('not_found', 'There is nothing at this address.');
    newPage(ctx, {
      ...{ about, kind: t(`reported.${name.kind}`), url: thing.url, form },
      title: (thing.title || thing.text.replace(/<[^>]*>/g, ' ').trim() || thing.owner).slice(0, 120),
      isKnown: await hasReported(work, about),
      rating: (name.kind === 'image' || name.kind === 'model') && thing.level > 0 ? ratingLabel(thing.level) : '',
      rules: (await listRules(em)).map(ruleView),
      ratings: RATINGS.map((level) => ({ value: String(level), label: ratingLabel(level) })),
      page: { title: t('report.title'), noindex: true },
    });
  };

  routes.get('/reports/new', membersOnly, async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    await showForm(ctx, readQuery(ctx, About).about);
  });

  routes.post('/reports', membersOnly, async (ctx) => {
    limits.take(ctx, TRIES);
    const raw = await readRawForm(ctx);
    const about = String(raw.about ?? '').slice(0, 60);
    const name = nameOf(about);
    await submitRaw(
      ctx,
      raw,
      ReportForm,
      async (form) => {
        await fileReport(ctx.state.work, name, form);
        ctx.redirect('/reports/thanks');
      },
      (form) => showForm(ctx, about, form),
    );
  });

  routes.get('/reports/thanks', membersOnly, async (ctx) => {
    thanksPage(ctx, { url: '/reports', page: { title: t('report.thanks'), noindex: true } });
  });

  routes.get('/reports', browserOnly, async (ctx) => {
    const { reports, nextBefore } = await listOwnReports(ctx.state.work, readQuery(ctx, OwnQuery).before);
    const nextUrl = nextBefore ? `/reports?before=${nextBefore}` : '';
    ownPage(ctx, { reports, nextUrl, page: { title: t('report.own'), noindex: true } });
  });

  return routes;
}
