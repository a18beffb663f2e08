import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../accounts/access/guard.ts';
import type { AdminLink } from '../../accounts/deps.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { AppError } from '../../kit/errors.ts';
import { type FormState, readForm, readQuery, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Federation } from '../deps.ts';
import { tryAgainNow } from './health.ts';
import {
  type FederationFigures,
  listPeers,
  loadFigures,
  loadPeer,
  PEER_FILTERS,
  type PeerFilter,
  type PeerPage,
  type PeerRow,
} from './queries.ts';
import { assertManages, HostRuleForm, setHostRule } from './rules.ts';

export const PEER_LINKS: readonly AdminLink[] = [
  { label: 'admin.federation', href: '/admin/federation', icon: 'globe', permission: 'manageFederation' },
];

interface PeersPage {
  readonly rows: readonly PeerRow[];
  readonly figures: FederationFigures;
  readonly query: string;
  readonly filter: PeerFilter;
  readonly filters: readonly PeerFilter[];
  readonly mode: Federation['mode'];
  readonly nextUrl: string;
}

const peersPage = adminPage<PeersPage>('federation/peers');
const peerPage = adminPage<PeerPage & { readonly mode: Federation['mode'] }>('federation/peer');

const PeersQuery = z.object({
  q: z.string().trim().max(100).catch('').default(''),
  state: z.enum(PEER_FILTERS).catch('all').default('all'),
  after: z.string().max(300).catch('').default(''),
});
const HostQuery = z.object({ host: z.string().trim().toLowerCase().max(300).default('') });

/** `/admin/federation`: who manages federation. Hosts stand in the query, for they hold dots and ports. */
export function peersRoutes(federation: Federation, adminLinks: readonly AdminLink[]): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('manageFederation');
  const deps = { adminLinks };
  const { mode } = federation;

  const showPeers = async (ctx: Ctx, form?: FormState) => {
    const { q: query, state: filter, after } = readQuery(ctx, PeersQuery);
    const [list, figures] = await Promise.all([
      listPeers(ctx.state.work, { query, filter, after }),
      loadFigures(ctx.state.work),
    ]);
    const next = new URLSearchParams({ q: query, state: filter, after: list.nextAfter });
    const nextUrl = list.nextAfter === '' ? '' : `/admin/federation?${next}`;
    const now = { rows: list.rows, figures, query, filter, filters: PEER_FILTERS, mode, nextUrl };
    await peersPage(ctx, deps, t('admin.federation'), now, form);
  };
  const showPeer = async (ctx: Ctx, form?: FormState) => {
    const { host } = readQuery(ctx, HostQuery);
    await peerPage(ctx, deps, host, { ...(await loadPeer(ctx.state.work, host)), mode }, form);
  };
  const peerUrl = (host: string, said: string) => `/admin/federation/peer?${new URLSearchParams({ host, said })}`;

  routes.get('/admin/federation', staff, (ctx) => showPeers(ctx));
  routes.get('/admin/federation/peer', staff, (ctx) => showPeer(ctx));

  routes.post('/admin/federation/rule', staff, async (ctx) => {
    await submitForm(
      ctx,
      HostRuleForm,
      async (form) => {
        await setHostRule(ctx.state.work, federation, form);
        const isKnown = await loadPeer(ctx.state.work, form.host).catch(nothing);
        ctx.redirect(isKnown ? peerUrl(form.host, `host-${form.kind}`) : '/admin/federation?said=host-none');
      },
      (form) => showPeers(ctx, form),
    );
  });

  routes.post('/admin/federation/retry', staff, async (ctx) => {
    const { host } = await readForm(ctx, HostQuery);
    assertManages(ctx.state.work.viewer);
    await loadPeer(ctx.state.work, host);
    await tryAgainNow(ctx.state.work, host);
    ctx.redirect(peerUrl(host, 'host-retried'));
  });

  return routes;
}

function nothing(error: unknown): null {
  if (error instanceof AppError && error.kind === 'not_found') return null;
  throw error;
}
