import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../accounts/access/guard.ts';
import type { AdminLink } from '../../accounts/deps.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { type FormState, readForm, readQuery, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Federation } from '../deps.ts';
import { countCompliance } from '../notices/queries.ts';
import { decidePeer, PolicyForm, retryPeer } from './decide.ts';
import {
  type DecisionRow,
  type FederationFigures,
  listDecisions,
  listPeers,
  loadFigures,
  loadPeerPage,
  MOST_COUNTED,
  PEER_FILTERS,
  type PeerFilter,
  type PeerPage,
  type PeerRow,
} from './queries.ts';

export const PEER_LINKS: readonly AdminLink[] = [
  { label: 'admin.federation', href: '/admin/federation', icon: 'globe', permission: 'manageFederation' },
];

interface Common {
  readonly mode: Federation['mode'];
  readonly mostCounted: number;
}

interface PeersPage extends Common {
  readonly rows: readonly PeerRow[];
  readonly figures: FederationFigures;
  /** How far other nodes are with the notices of this one. */
  readonly notices: Awaited<ReturnType<typeof countCompliance>>;
  readonly query: string;
  readonly filter: PeerFilter;
  readonly filters: readonly PeerFilter[];
  /** What was ticked in a form that was refused. */
  readonly ticked: readonly string[];
  readonly nextUrl: string;
}

interface LogPage {
  readonly rows: readonly DecisionRow[];
  readonly nextUrl: string;
}

const peersPage = adminPage<PeersPage>('federation/peers');
const peerPage = adminPage<PeerPage & Common>('federation/peer');
const logPage = adminPage<LogPage>('federation/peers-log');

const PeersQuery = z.object({
  q: z.string().trim().max(100).catch('').default(''),
  state: z.enum(PEER_FILTERS).catch('all').default('all'),
  after: z.string().max(300).catch('').default(''),
});
const LogQuery = z.object({ before: z.uuid().or(z.literal('')).catch('').default('') });
const HostQuery = z.object({ host: z.string().trim().toLowerCase().max(300).default('') });

/** `/admin/federation`: who manages federation. Hosts stand in the query, for they hold dots and ports. */
export function peersRoutes(federation: Federation, adminLinks: readonly AdminLink[]): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('manageFederation');
  const deps = { adminLinks };
  const common: Common = { mode: federation.mode, mostCounted: MOST_COUNTED };

  const showPeers = async (ctx: Ctx, form?: FormState) => {
    const { q: query, state: filter, after } = readQuery(ctx, PeersQuery);
    const [list, figures] = [
      await listPeers(ctx.state.work, { query, filter, after }),
      await loadFigures(ctx.state.work),
    ];
    const next = new URLSearchParams({ q: query, state: filter, after: list.nextAfter });
    const nextUrl = list.nextAfter === '' ? '' : `/admin/federation?${next}`;
    const notices = await countCompliance(ctx.state.work.em, null);
    const ticked = Object.keys(form?.values ?? {});
    const now = { ...common, rows: list.rows, figures, notices, query, filter, filters: PEER_FILTERS, ticked, nextUrl };
    await peersPage(ctx, deps, t('admin.federation'), now, form);
  };
  const showPeer = async (ctx: Ctx, host: string, form?: FormState) => {
    await peerPage(ctx, deps, host, { ...(await loadPeerPage(ctx.state.work, host)), ...common }, form);
  };
  const peerUrl = (host: string, said: string) => `/admin/federation/peer?${new URLSearchParams({ host, said })}`;

  routes.get('/admin/federation', staff, (ctx) => showPeers(ctx));
  routes.get('/admin/federation/peer', staff, (ctx) => showPeer(ctx, readQuery(ctx, HostQuery).host));
  routes.get('/admin/federation/log', staff, async (ctx) => {
    const { before } = readQuery(ctx, LogQuery);
    const { rows, nextBefore } = await listDecisions(ctx.state.work, { host: '', before });
    const nextUrl = nextBefore === '' ? '' : `/admin/federation/log?before=${nextBefore}`;
    await logPage(ctx, deps, t('peers.log'), { rows, nextUrl });
  });

  routes.post('/admin/federation/policy', staff, async (ctx) => {
    await submitForm(
      ctx,
      PolicyForm,
      async (form) => {
        await decidePeer(ctx.state.work, federation, form);
        ctx.redirect(peerUrl(form.host, `host-${form.stance}`));
      },
      (form) => showPeers(ctx, form),
    );
  });

  routes.post('/admin/federation/retry', staff, async (ctx) => {
    const { host } = await readForm(ctx, HostQuery);
    await loadPeerPage(ctx.state.work, host);
    await retryPeer(ctx.state.work, federation, host);
    ctx.redirect(peerUrl(host, 'host-retried'));
  });

  return routes;
}
