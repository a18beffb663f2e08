import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { ratingLabel } from '../../safety/ratings.ts';
import { requireManager } from '../peers/decide.ts';
import { BlockList, DomainPolicy, type ListFault, PolicyDraft } from '../peers/model.ts';
import { HostRule } from '../peers/rule.ts';
import { type Impact, loadImpact, NO_IMPACT } from './impact.ts';
import { DraftRule, sourceOf } from './lists.ts';

type Reading = Pick<Work, 'em' | 'viewer'>;

interface ListSummary {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly rowCount: number;
  readonly faultCount: number;
  readonly draftCount: number;
  readonly readAt: string | null;
  readonly lastError: string;
}

interface DraftRow {
  readonly id: string;
  readonly host: string;
  readonly act: 'set' | 'lift';
  readonly line: number;
  /** Keys of `peers.says-…`, and the rating where one is forced. */
  readonly says: readonly string[];
  readonly forced: string;
  readonly comment: string;
  readonly impact: Impact;
}

export interface ListsPage {
  readonly lists: readonly ListSummary[];
  /** What this node itself proposes. */
  readonly own: readonly DraftRow[];
}

/** Of drafts of this node about hosts that let severe notices pass. */
export const OVERDUE = 'overdue';
const PAGE = 100;

export async function loadListsPage({ em, viewer }: Reading): Promise<ListsPage> {
  requireManager(viewer);
  const lists = await em.find(BlockList, {}, { orderBy: { createdAt: 'desc' } });
  const own = await em.find(PolicyDraft, { source: OVERDUE }, { orderBy: { host: 'asc' }, limit: PAGE });
  const impact = own.length === 0 ? new Map<string, Impact>() : await loadImpact(em);
  return { lists: await Promise.all(lists.map(summary)), own: own.map((draft) => draftRow(draft, impact)) };

  async function summary(list: BlockList): Promise<ListSummary> {
    const { id, name, url, rowCount, faultCount, readAt, lastError } = list;
    const draftCount = await em.count(PolicyDraft, { source: sourceOf(list) });
    return { id, name, url, rowCount, faultCount, draftCount, readAt: readAt?.toISOString() ?? null, lastError };
  }
}

export interface ListPage {
  readonly list: ListSummary & { readonly format: string };
  readonly drafts: readonly DraftRow[];
  readonly faults: readonly ListFault[];
  readonly nextAfter: string;
}

/** The preview: each proposed word with whom it touches, the first hundred lines that cannot be taken. Throws `not_found`. */
export async function loadListPage({ em, viewer }: Reading, id: string, after: string): Promise<ListPage> {
  requireManager(viewer);
  const list = await em.findOne(BlockList, id);
  if (!list) throw new AppError('not_found', 'There is no such list.');
  const where = { source: sourceOf(list), host: { $gt: after } };
  const found = await em.find(PolicyDraft, where, { orderBy: { host: 'asc' }, limit: PAGE + 1 });
  const shown = found.slice(0, PAGE);
  const impact = await loadImpact(em);
  const { name, url, rowCount, faultCount, readAt, lastError, format, faults } = list;
  return {
    list: {
      ...{ id, name, url, rowCount, faultCount, lastError, format, readAt: readAt?.toISOString() ?? null },
      draftCount: await em.count(PolicyDraft, { source: sourceOf(list) }),
    },
    drafts: shown.map((draft) => draftRow(draft, impact)),
    faults,
    nextAfter: found.length > PAGE ? (shown.at(-1)?.host ?? '') : '',
  };
}

function draftRow({ id, host, act, line, rule }: PolicyDraft, impact: ReadonlyMap<string, Impact>): DraftRow {
  const { publicComment, ...words } = DraftRule.parse(rule);
  const flags = (['isLimited', 'rejectsMedia', 'rejectsFiles', 'rejectsReports', 'forbidsMirror'] as const).filter(
    (flag) => words[flag],
  );
  const says = act === 'lift' ? ['lift'] : [...(words.stance === null ? [] : [words.stance]), ...flags];
  return {
    ...{ id, host, act, line, says, comment: publicComment, impact: impact.get(host) ?? NO_IMPACT },
    forced: words.forcedLevel === null ? '' : ratingLabel(words.forcedLevel),
  };
}

/** All that holds, for an export. */
export async function listPolicies({ em, viewer }: Reading): Promise<DomainPolicy[]> {
  requireManager(viewer);
  const all = await em.find(DomainPolicy, {}, { orderBy: { host: 'asc' } });
  return all.filter((policy) => JSON.stringify(HostRule.parse(policy)) !== NOTHING);
}
const NOTHING = JSON.stringify(HostRule.parse({}));
