import type Router from '@koa/router';
import { z } from 'zod';
import { membersOnly } from '../../../accounts/access/guard.ts';
import { AppError } from '../../../kit/errors.ts';
import { EMPTY_FORM, type FormState, idParam, readQuery, submitForm, uuidParam } from '../../../kit/web/forms.ts';
import { t, tCount } from '../../../kit/web/messages.ts';
import type { Limit } from '../../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { view } from '../../../kit/web/views.ts';
import { Contest } from '../../contests/model.ts';
import type { GalleryDeps } from '../../deps.ts';
import { eyesOf, hidingNothing } from '../../views.ts';
import { lookAtCollection } from '../access.ts';
import { loadOwnCollection } from '../edit.ts';
import { DecisionForm, decideEntries } from './decide.ts';
import { acceptInvitation, InviteForm, invite, listMembers, type MemberRow, removeMember } from './people.ts';
import { type EntryRow, listBrought, listDecided, listWaiting } from './queries.ts';
import { loadKeptCollection, loadStanding, member } from './standing.ts';

export const INVITE: Limit = { name: 'collection-invite', max: 60, perMs: 3_600_000 };
export const DECIDE: Limit = { name: 'collection-decide', max: 600, perMs: 3_600_000 };

type WithId = Ctx & { params: Record<string, string | undefined> };

interface PeoplePage {
  readonly id: number;
  readonly name: string;
  readonly adders: string;
  readonly members: readonly MemberRow[];
  readonly roles: readonly string[];
  readonly form: FormState;
}
const peoplePage = view<PeoplePage>('gallery/together/people');

interface ReviewPage {
  readonly id: number;
  readonly name: string;
  readonly waiting: readonly EntryRow[];
  readonly decided: readonly EntryRow[];
  /** What became of the last decision; '' for none. */
  readonly said: string;
  readonly form: FormState;
}
const reviewPage = view<ReviewPage>('gallery/together/review');

interface MinePage {
  readonly id: number;
  /** '' where the viewer does not see the collection any more. */
  readonly name: string;
  readonly canAdd: boolean;
  readonly entries: readonly EntryRow[];
}
const minePage = view<MinePage>('gallery/together/mine');

const ReviewQuery = z.object({
  decided: z.coerce.number().int().min(0).max(100).catch(0),
  stuck: z.coerce.number().int().min(0).max(100).catch(0),
});

/** Who takes part in a collection, and what they bring. */
export function togetherRoutes(routes: Router<State>, { limits }: GalleryDeps): void {
  const people = async (ctx: WithId, form: FormState = EMPTY_FORM) => {
    const { em } = ctx.state.work;
    const id = idParam(ctx);
    const { name, adders } = await loadOwnCollection(ctx.state.work, id);
    const roles = (await em.findOne(Contest, id)) ? ['contributor', 'manager', 'judge'] : ['contributor', 'manager'];
    const members = await listMembers(em, id);
    peoplePage(ctx, { id, name, adders, members, roles, form, page: { title: t('together.people'), noindex: true } });
  };

  routes.get('/collections/:id/people', membersOnly, (ctx) => people(ctx));

  routes.post('/collections/:id/people', membersOnly, async (ctx) => {
    limits.take(ctx, INVITE);
    await submitForm(
      ctx,
      InviteForm,
      async (form) => {
        await invite(ctx.state.work, idParam(ctx), form);
        ctx.redirect(`/collections/${idParam(ctx)}/people`);
      },
      (form) => people(ctx, form),
    );
  });

  routes.post('/collections/:id/people/:member/acceptance', membersOnly, async (ctx) => {
    await acceptInvitation(ctx.state.work, idParam(ctx), uuidParam(ctx, 'member'));
    ctx.redirect(`/collections/${idParam(ctx)}`);
  });

  routes.post('/collections/:id/people/:member/removal', membersOnly, async (ctx) => {
    const { em, viewer } = ctx.state.work;
    const id = idParam(ctx);
    await removeMember(ctx.state.work, id, uuidParam(ctx, 'member'));
    const look = await lookAtCollection(em, viewer, id);
    // whoever left what is private does not see it any more
    if (!look?.verdict.allowed) return ctx.redirect('/collections');
    ctx.redirect(look.owner.id === viewer?.id ? `/collections/${id}/people` : `/collections/${id}`);
  });

  const review = async (ctx: WithId, form: FormState = EMPTY_FORM) => {
    const { em, viewer } = ctx.state.work;
    const id = idParam(ctx);
    const { collection } = await loadKeptCollection(ctx.state.work, id);
    const eyes = hidingNothing(await eyesOf(em, viewer));
    const { decided, stuck } = readQuery(ctx, ReviewQuery);
    const said = [decided && tCount('review.said', decided), stuck && tCount('review.stuck', stuck)].filter(Boolean);
    reviewPage(ctx, {
      ...{ id, name: collection.name, form, said: said.join(' ') },
      waiting: await listWaiting(em, id, eyes),
      decided: await listDecided(em, id, eyes),
      page: { title: t('review.queue'), noindex: true },
    });
  };

  routes.get('/collections/:id/review', membersOnly, (ctx) => review(ctx));

  routes.post('/collections/:id/review', membersOnly, async (ctx) => {
    limits.take(ctx, DECIDE);
    await submitForm(
      ctx,
      DecisionForm,
      async (form) => {
        const { decided, stuck } = await decideEntries(ctx.state.work, idParam(ctx), form);
        ctx.redirect(`/collections/${idParam(ctx)}/review?decided=${decided}&stuck=${stuck}`);
      },
      (form) => review(ctx, form),
    );
  });

  routes.get('/collections/:id/mine', membersOnly, async (ctx) => {
    const { em, viewer } = ctx.state.work;
    const id = idParam(ctx);
    const look = await lookAtCollection(em, viewer, id);
    const entries = await listBrought(em, id, member(viewer).id, await eyesOf(em, viewer));
    const sees = look?.verdict.allowed === true;
    // what one brought stays one's own to take back, also from what one does not see any more
    if (!look || (!sees && entries.length === 0)) throw new AppError('not_found', t('together.no-collection'));
    const { canAdd } = await loadStanding(em, viewer, look.collection);
    const name = sees ? look.collection.name : '';
    minePage(ctx, { id, name, canAdd: sees && canAdd, entries, page: { title: t('together.mine'), noindex: true } });
  });
}
