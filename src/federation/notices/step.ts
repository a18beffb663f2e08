import { z } from 'zod';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { type Outcome, Takedown, TakedownStep } from '../../moderation/takedown/model.ts';
import {
  defineTakedownStep,
  type StepResult,
  type TakedownOrder,
  type TakedownStepDefinition,
} from '../../moderation/takedown/step.ts';
import type { Federation } from '../deps.ts';
import { loadHostFilter } from '../policy.ts';
import { NoticePeer, SentNotice } from './model.ts';
import { findNoticeSubject, listExposedHosts, type NoticeSubject } from './target.ts';
import { effectsOfBits, SEVERE } from './wire.ts';

const TELL_PEERS = 'tell-peers';
const HOUR_MS = 3_600_000;
const CHUNK = 500;
const SEVERE_WITHIN_MS = 24 * HOUR_MS;
const WITHIN_MS = 7 * 24 * HOUR_MS;
const DERIVED: ReadonlySet<string> = new Set(['minor', 'ncii', 'likeness', 'copyright', 'style']);

export const TellHost = z.object({ peerId: z.string() });

/**
 * `tell-peers`: writes a notice and a row for each instance that had the thing; a job for each sends it. Done when they
 * are written: how far each instance is stands in its row. Again finds them and adds nothing.
 */
export const tellPeersStep = (federation: Federation): TakedownStepDefinition =>
  defineTakedownStep({
    name: TELL_PEERS,
    outcomes: [
      ...(['remove', 'de_attribute', 'limit', 'credit', 'licence', 're_rate', 'age_lock'] as const),
      ...(['account_action', 'quarantine', 'dismiss', 'undo'] as const),
    ],
    run: (work, order) => tellPeers(work, federation, order),
  });

async function tellPeers(work: Work, federation: Federation, order: TakedownOrder): Promise<StepResult> {
  const { em } = work;
  if (federation.mode === 'off') return done('this node does not federate');
  if ((await em.count(SentNotice, { takedownId: order.takedownId })) > 0) return done('told already');
  if (order.outcome === 'undo' || order.outcome === 'dismiss') return takeBack(work, federation, order);
  const kind = kindOf(order);
  if (kind === null) return done('nothing that peers must hear');
  const subject = await findNoticeSubject(em, federation.origin, order.target);
  if (!subject) return done('not a thing of this node');
  const isWanted = await loadHostFilter(federation, em);
  const hosts = (await listExposedHosts(em, subject)).filter(isWanted);
  const supersedes = await lastProvisional(em, order);
  await write(work, federation, order, subject, { kind, hosts, supersedes });
  return done(`${hosts.length} instances`);
}

const done = (note: string): StepResult => ({ state: 'done', note });

/** An image of the account's end goes out by itself; a strike is nobody else's business. */
function kindOf({ outcome, category, target, parameters }: TakedownOrder): SentNotice['kind'] | null {
  if (outcome === 'quarantine') return SEVERE.has(category) ? 'provisional' : null;
  if (outcome === 'account_action') return parameters.action === 'terminate' ? 'removal' : null;
  // a version is part of its model's document
  return outcome === 'remove' && target.kind !== 'version' ? 'removal' : 'change';
}

const lastProvisional = (em: Work['em'], { target, caseId }: TakedownOrder): Promise<SentNotice | null> =>
  em.findOne(
    SentNotice,
    { targetKind: target.kind, targetId: target.id, kind: 'provisional', endedAt: null, ...(caseId ? { caseId } : {}) },
    { orderBy: { createdAt: 'desc' } },
  );

async function write(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  order: TakedownOrder,
  subject: Pick<NoticeSubject, 'objectUri' | 'digests' | 'replaced'>,
  { kind, hosts, supersedes }: { kind: SentNotice['kind']; hosts: readonly string[]; supersedes: SentNotice | null },
): Promise<void> {
  const at = now();
  const isSevere = SEVERE.has(order.category);
  const digests = digestsOf(order, kind, subject);
  await em.transactional(async (inner) => {
    const id = newId(at.getTime());
    inner.create(
      SentNotice,
      {
        ...{ id, takedownId: order.takedownId, caseId: order.caseId, kind, category: order.category, isSevere },
        ...{ targetKind: order.target.kind, targetId: order.target.id, createdAt: at },
        ...{ objectUri: subject.objectUri, digests },
        effects: effectsOf(order, kind, digests.length > 0),
        respondBy: new Date(at.getTime() + (isSevere ? SEVERE_WITHIN_MS : WITHIN_MS)),
        ...{ supersedesId: supersedes?.id ?? null, endedAt: null },
      },
      { persist: true },
    );
    if (supersedes) {
      await inner.nativeUpdate(SentNotice, { id: supersedes.id }, { endedAt: at });
      await inner.nativeUpdate(NoticePeer, { noticeId: supersedes.id }, { nextCheckAt: null });
    }
    await inner.flush();
    const peers = hosts.map((host) => ({
      ...{ id: newId(at.getTime()), noticeId: id, host, state: 'queued' as const, isSevere, knownUrls: [] },
      ...{ queuedAt: at, nextCheckAt: new Date(at.getTime() + 6 * HOUR_MS) },
    }));
    for (let from = 0; from < peers.length; from += CHUNK) {
      await inner.insertMany(NoticePeer, peers.slice(from, from + CHUNK));
    }
    for (const { id: peerId, host } of peers) {
      jobs.enqueue(inner, federation.jobs.tellHost, { peerId }, { partition: host.slice(0, 255), priority: 0 });
    }
    await inner.flush();
  });
}

const BY_OUTCOME: Partial<Record<Outcome, readonly string[]>> = {
  de_attribute: ['de_attribute'],
  re_rate: ['re_rate'],
  age_lock: ['force_pg'],
};

/** The files of what goes or hides; of what stays only those that were made anew, and a limit is about none. */
function digestsOf(
  { outcome }: TakedownOrder,
  kind: SentNotice['kind'],
  { digests, replaced }: Pick<NoticeSubject, 'digests' | 'replaced'>,
): readonly string[] {
  if (kind !== 'change' || outcome === 'remove') return digests;
  return outcome === 'de_attribute' ? replaced : [];
}

function effectsOf(
  { outcome, category, parameters }: TakedownOrder,
  kind: SentNotice['kind'],
  hasDigests: boolean,
): string[] {
  if (kind === 'provisional') return ['hide', 'delist', 'stop_download', 'stop_generate', 'stop_train', 'stop_mirror'];
  if (outcome !== 'remove') {
    const blocks = hasDigests ? ['block_hash'] : [];
    // what was made with it bears a label there too
    const derived = outcome === 'de_attribute' && category === 'style' ? ['flag_derived'] : [];
    return [...(BY_OUTCOME[outcome] ?? []), ...effectsOfBits(parameters.bits ?? 0), ...blocks, ...derived];
  }
  return [
    ...['purge', 'stop_generate', 'stop_train'],
    ...(parameters.block || SEVERE.has(category) ? ['block_hash'] : []),
    ...(DERIVED.has(category) ? ['flag_derived'] : []),
  ];
}

/** An Undo of what goes out only afterwards would take nothing back. */
async function isTelling(em: Work['em'], takedownId: string): Promise<boolean> {
  if ((await em.count(Takedown, { id: takedownId, state: 'running' })) === 0) return false;
  return (await em.count(TakedownStep, { takedownId, name: TELL_PEERS, state: 'done' })) === 0;
}

/** `Undo` of what was said: of the takedown that is undone, or of the provisional word that a dismissal ends. */
async function takeBack(work: Work, federation: Federation, order: TakedownOrder): Promise<StepResult> {
  const { em } = work;
  const { undoes } = order.parameters;
  if (undoes !== undefined && (await isTelling(em, undoes))) {
    return { state: 'pending', note: 'what it takes back is not told yet' };
  }
  const provisional = undoes === undefined ? await lastProvisional(em, order) : null;
  const said = undoes === undefined ? provisional : await em.findOne(SentNotice, { takedownId: undoes, endedAt: null });
  if (!said) return done('nothing was told');
  const told = await em.find(NoticePeer, { noticeId: said.id, itemId: { $ne: null } }, { fields: ['host'] });
  const hosts = told.map(({ host }) => host);
  const subject = { objectUri: said.objectUri, digests: said.digests, replaced: [] };
  await write(work, federation, order, subject, { kind: 'undo', hosts, supersedes: said });
  return done(`taken back at ${hosts.length} instances`);
}
