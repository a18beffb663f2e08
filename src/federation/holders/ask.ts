import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { registrableDomain } from '../../kit/net/domain.ts';
import type { Work } from '../../kit/work.ts';
import { ALL_LEVELS, RATING } from '../../safety/ratings.ts';
import { readDocument } from '../actors/load.ts';
import type { Federation } from '../deps.ts';
import { withinBudget } from '../looking/budget.ts';
import type { ApObject } from '../normalise.ts';
import { isSameOrigin } from '../origin.ts';
import { learnProgram, OWN_PROGRAM, PROGRAM_FOR_MS } from '../peers/software.ts';
import { isHostAllowed } from '../policy.ts';
import { isModel, parseModel, type RemoteModel } from '../vocabulary/model.ts';
import { objectsOf } from '../vocabulary/read.ts';
import { holdersUri, MOST_MODELS } from './answer.ts';
import { HolderAnswer, type OfferedFile } from './model.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'words' | 'now'>;

const QUESTIONS = { name: 'ask-holders', max: 20, perMs: 600_000 };
/** Of all people of this node together. */
const ASKED_DOMAIN = { name: 'holder-domain', max: 120, perMs: 600_000 };
/** Peers that one question may reach, and further ones whose program is not known yet. */
const MOST_PEERS = 20;
const MOST_UNKNOWN = 10;
const MOST_OFFERS = 5;
/** For one peer: which program it is, and its answer. */
const BUDGET = { totalMs: 8_000, most: 5 };

const HOUR_MS = 3_600_000;
/** How long an answer stands. */
const FRESH_MS = { has: 24 * HOUR_MS, 'has-not': 6 * HOUR_MS, silent: HOUR_MS / 6, waiting: HOUR_MS / 6 } as const;
const FORGET_MS = 7 * 24 * HOUR_MS;

/**
 * Asks the nodes of our kind that people here follow, or are followed from, who has a file; in jobs, one for each. What
 * was answered a while ago is not asked again. Throws `unauthenticated` or `rate_limited`.
 */
export async function askHolders(work: Work, federation: Federation, hash: string): Promise<void> {
  const { em, viewer, now, jobs } = work;
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  federation.limits.takeFor(`${QUESTIONS.name} a${viewer.id}`, QUESTIONS);
  await em.nativeDelete(HolderAnswer, { askedAt: { $lt: new Date(now().getTime() - FORGET_MS) } });
  const hosts = await listUnasked(work, federation, hash);
  await em.transactional(async (inner) => {
    for (const host of hosts) {
      await inner.upsert(
        HolderAnswer,
        { id: newId(), hash, host, state: 'waiting', offers: [], askedAt: now() },
        { onConflictFields: ['hash', 'host'], onConflictMergeFields: ['state', 'askedAt'] },
      );
      const options = { partition: `ask ${host}`.slice(0, 255), dedupeKey: `holder:${hash}:${host}`.slice(0, 255) };
      jobs.enqueue(inner, federation.jobs.askHolder, { hash, host }, options);
    }
    await inner.flush();
  });
}

/** The peers whose answer is missing, or too old to stand. */
export async function listUnasked(
  work: Pick<Work, 'em' | 'now'>,
  federation: Federation,
  hash: string,
): Promise<string[]> {
  const at = work.now().getTime();
  const answers = await work.em.find(HolderAnswer, { hash });
  const fresh = answers.filter(({ state, askedAt }) => at < askedAt.getTime() + FRESH_MS[state]);
  const hosts = new Set(fresh.map(({ host }) => host));
  return (await listPeers(work, federation)).filter((host) => !hosts.has(host));
}

/** Nodes of our kind first, those with the most ties to people here before others. */
async function listPeers({ em, now }: Pick<Work, 'em' | 'now'>, federation: Federation): Promise<string[]> {
  const staleAt = new Date(now().getTime() - PROGRAM_FOR_MS);
  const found = await rows<{ host: string; is_ours: number }>(
    em,
    `select a.host, max(case when lower(p.software) like ? then 1 else 0 end) as is_ours, count(*) as ties
     from account a left join peer_host p on p.host = a.host
     where a.host <> '' and a.state = 'active'
       and (p.host is null or p.software = '' or lower(p.software) like ? or p.software_asked_at < ?)
       and (exists (select 1 from follow f where f.target_id = a.id and f.state = 'accepted')
         or exists (select 1 from follow f where f.follower_id = a.id and f.state = 'accepted'))
     group by a.host order by is_ours desc, ties desc, a.host limit 200`,
    [`${OWN_PROGRAM} %`, `${OWN_PROGRAM} %`, staleAt],
  );
  const ours: string[] = [];
  const unknown: string[] = [];
  for (const { host, is_ours: isOurs } of found) {
    const list = Number(isOurs) === 1 ? ours : unknown;
    const most = list === ours ? MOST_PEERS : MOST_UNKNOWN;
    if (list.length < most && (await isHostAllowed(federation, em, host))) list.push(host);
  }
  return [...ours, ...unknown];
}

/** The question to one peer. Running it twice asks twice and writes the same. */
export async function askHolder(
  work: Task,
  federation: Federation,
  { hash, host }: { readonly hash: string; readonly host: string },
): Promise<void> {
  const { em } = work;
  if ((await em.count(HolderAnswer, { hash, host, state: 'waiting' })) === 0) return;
  const offers = await askOrNull(work, federation, hash, host);
  if (offers === 'other software') await em.nativeDelete(HolderAnswer, { hash, host });
  else {
    const state = offers === null ? 'silent' : offers.length > 0 ? 'has' : 'has-not';
    await em.nativeUpdate(HolderAnswer, { hash, host }, { state, offers: offers ?? [] });
  }
}

async function askOrNull(
  work: Task,
  federation: Federation,
  hash: string,
  host: string,
): Promise<OfferedFile[] | 'other software' | null> {
  const within = withinBudget(federation, BUDGET);
  const { origin, limits } = federation;
  const uri = holdersUri(`${new URL(origin).protocol}//${host}`, hash);
  try {
    if (!URL.canParse(uri) || !(await isHostAllowed(federation, work.em, host))) return 'other software';
    limits.takeFor(`${ASKED_DOMAIN.name} ${registrableDomain(new URL(uri).hostname)}`, ASKED_DOMAIN);
    if ((await learnProgram(work, within, host)) !== OWN_PROGRAM) return 'other software';
    const document = await readDocument(work, within, uri);
    return document ? readOffers(document.object, { uri, hash, ownOrigin: origin, now: work.now() }) : [];
  } catch (error) {
    // whatever the peer did wrong: it has not answered
    if (error instanceof AppError) return null;
    throw error;
  }
}

interface Reading {
  readonly uri: string;
  readonly hash: string;
  readonly ownOrigin: string;
  readonly now: Date;
}

/** A host speaks for its own models, and only a file with this hash is an answer. */
function readOffers(collection: ApObject, { uri, hash, ownOrigin, now }: Reading): OfferedFile[] {
  if (collection.id !== uri) return [];
  const offers = objectsOf(collection, 'items', MOST_MODELS).flatMap((one): OfferedFile[] => {
    if (!isModel(one) || !isSameOrigin(one.id, uri, ownOrigin)) return [];
    try {
      return offersOf(parseModel(one, { ownOrigin, now, authorFollowersUri: null }), hash);
    } catch (error) {
      if (error instanceof AppError) return [];
      throw error;
    }
  });
  return offers.slice(0, MOST_OFFERS);
}

function offersOf(model: RemoteModel, hash: string): OfferedFile[] {
  const { permissions } = model;
  // what is not for everybody is no answer to everybody
  if (model.visibility !== 'public') return [];
  return model.versions.flatMap((version) => {
    const file = version.files.find(({ hashes }) => isNamedBy(hashes, hash));
    if (!file) return [];
    return [
      {
        ...{ modelUri: model.uri, title: (model.title ?? '').slice(0, 120), modelType: model.modelType },
        ...{ versionName: version.versionName, baseModel: version.baseModel },
        ...{ fileName: file.name, totalBytes: file.totalBytes, url: file.url, sha256: file.hashes.sha256 ?? null },
        licenseId: model.licenseId,
        commercialUse: permissions.commercialUse ?? null,
        derivatives: permissions.derivatives ?? null,
        creditRequired: permissions.creditRequired ?? null,
        generation: permissions.generation ?? null,
        rating: model.rating & ALL_LEVELS || RATING.pg13,
      },
    ];
  });
}

function isNamedBy(hashes: Readonly<Record<string, string>>, hash: string): boolean {
  const { sha256 = '', tensor = '', ...others } = hashes;
  return sha256.startsWith(hash) || tensor.startsWith(hash) || Object.values(others).includes(hash);
}
