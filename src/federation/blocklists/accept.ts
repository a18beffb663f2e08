import { z } from 'zod';
import { audited } from '../../kit/audit/append.ts';
import { rows } from '../../kit/database/sql.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { requireManager } from '../peers/decide.ts';
import { DomainPolicy, PeerDecision, PolicyDraft } from '../peers/model.ts';
import { HostRule, isEmpty } from '../peers/rule.ts';
import { loadImpact } from './impact.ts';
import { DraftRule } from './lists.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'words' | 'now' | 'viewer'>;

const CHUNK = 200;
/** Named one by one in the audit row; of more, their number. */
const MOST_NAMED = 1_000;

export const DraftsForm = z.object({
  /** '' is all of the source. */
  draft: z.uuid().or(z.literal('')).default(''),
});

/** Turns drafts of a source into words that hold, in one transaction with their audit row. Returns how many. */
export async function acceptDrafts(
  work: Task,
  federation: Federation,
  source: string,
  draftId: string,
): Promise<number> {
  const { now, jobs } = work;
  requireManager(work.viewer);
  const by = work.viewer.id;
  // only where somebody is known does anything follow
  const impact = await loadImpact(work.em);
  return audited(work, async (em) => {
    const where = { source, ...(draftId === '' ? {} : { id: draftId }) };
    const drafts = await em.find(PolicyDraft, where, { orderBy: { host: 'asc' } });
    for (let from = 0; from < drafts.length; from += CHUNK) {
      const some = drafts.slice(from, from + CHUNK);
      const held = new Map(
        (await em.find(DomainPolicy, { host: { $in: some.map(({ host }) => host) } })).map((one) => [one.host, one]),
      );
      for (const draft of some) {
        const policy = held.get(draft.host);
        // a retraction lifts only what that list created
        if (draft.act === 'lift' && policy?.source !== source) continue;
        write(draft, policy);
      }
      await em.flush();
      await makePeers(em, some);
    }
    await em.nativeDelete(PolicyDraft, where);
    const hosts = drafts.map(({ host, act }) => (act === 'lift' ? `-${host}` : host));
    const after = { source, count: drafts.length, hosts: hosts.slice(0, MOST_NAMED) };
    const entries = [{ action: 'blocklist.accept', subject: { kind: 'policy-source', id: source }, after }];
    return { result: drafts.length, entries: drafts.length === 0 ? [] : entries };

    function write({ host, act, rule }: PolicyDraft, known: DomainPolicy | undefined): void {
      const { publicComment, isObfuscated, reasonCode, expiresAt, ...wanted } = DraftRule.parse(rule);
      const policy = known ?? em.create(DomainPolicy, { host, since: now(), source }, { persist: true });
      if (act === 'lift') Object.assign(policy, HostRule.parse({}), { source: '', since: now(), expiresAt: null });
      else {
        // a row that says nothing any more is nobody's
        if (isEmpty(HostRule.parse(policy))) Object.assign(policy, { source, expiresAt: null });
        const isTheirs = policy.source === source;
        const end = expiresAt === null ? null : new Date(expiresAt);
        const isSooner = !isTheirs && (policy.expiresAt == null || (end !== null && end < policy.expiresAt));
        Object.assign(policy, wanted, { since: now(), expiresAt: isSooner ? policy.expiresAt : end });
        if (isTheirs) Object.assign(policy, { publicComment, isObfuscated, reasonCode });
      }
      const said = act === 'lift' ? 'cleared' : (policy.stance ?? (policy.isLimited ? 'limited' : 'ruled'));
      em.create(PeerDecision, { id: newId(), host, act: said, by, at: now(), days: null }, { persist: true });
      if (impact.has(host)) {
        jobs.enqueue(em, federation.jobs.applyPolicy, { host }, { dedupeKey: `policy ${host}`.slice(0, 255) });
      }
    }
  });
}

/** A person does not want them. The same list proposes them again only when it changes. */
export async function dismissDrafts(work: Task, source: string, draftId: string): Promise<void> {
  requireManager(work.viewer);
  await audited(work, async (em) => {
    const count = await em.nativeDelete(PolicyDraft, { source, ...(draftId === '' ? {} : { id: draftId }) });
    const entries = [{ action: 'blocklist.dismiss', subject: { kind: 'policy-source', id: source }, after: { count } }];
    return { result: undefined, entries: count === 0 ? [] : entries };
  });
}

/** The list of peers is that table's. */
async function makePeers(em: Work['em'], drafts: readonly PolicyDraft[]): Promise<void> {
  await rows(
    em,
    `insert into peer_host (host, turns) values ${drafts.map(() => `(?, '[]')`).join(', ')}
     on conflict (host) do nothing returning host`,
    drafts.map(({ host }) => host),
  );
}
