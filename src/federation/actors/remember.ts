import { type EntityManager, UniqueConstraintViolationException } from '@mikro-orm/core';
import { accountProfileChanged } from '../../accounts/events.ts';
import { ACCOUNT_KINDS, Account } from '../../accounts/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { Work } from '../../kit/work.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { restrictMany } from '../../safety/restrict-many.ts';
import type { Federation } from '../deps.ts';
import type { FetchedDocument } from '../fetch-document.ts';
import { readRemoteWords } from '../ingest/words/read-words.ts';
import { type KnownKey, RemoteActor, Tombstone } from '../model.ts';
import type { ApObject } from '../normalise.ts';
import { valuesOf } from '../origin.ts';
import { loadEffects } from '../peers/rule.ts';
import { domainSource } from '../peers/source.ts';
import { parseAccount } from '../vocabulary/account.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'words' | 'now'>;
type Site = Pick<Federation, 'origin' | 'jobs'>;

/**
 * Writes an actor down that was read at its own address. Its host is that address's, whatever it says (O26). Throws
 * `malformed`, and `gone` when it was deleted here. Flushes.
 */
export async function rememberActor(work: Task, federation: Site, document: FetchedDocument): Promise<Account> {
  try {
    return await writeActor(work, federation, document);
  } catch (error) {
    if (!(error instanceof UniqueConstraintViolationException)) throw error;
    // another process wrote the same rows between our look and our write: they are there now
    return writeActor(work, federation, document);
  }
}

async function writeActor(
  { em, jobs, words, now }: Task,
  federation: Site,
  { object, raw }: FetchedDocument,
): Promise<Account> {
  const actor = parseAccount(object, federation.origin, now());
  const host = new URL(actor.uri).host;
  const before = await em.findOne(Account, { uri: actor.uri }, { fields: ['topic', 'displayName', 'bio'] });
  const isBack = actor.topic != null && before?.topic != null;
  if (!isBack && (await em.count(Tombstone, { uri: actor.uri })) > 0) {
    throw new AppError('gone', 'This account was deleted.');
  }
  const said = { displayName: Array.from(actor.displayName).slice(0, 80).join(''), bio: actor.summaryHtml };
  const isSame = before?.displayName === said.displayName && before.bio === said.bio;
  const account = await em.transactional(async (inner) => {
    const name = actor.name.toLowerCase().slice(0, 64);
    await freeName(inner, host, name, actor.uri);
    const account =
      (await inner.findOne(Account, { uri: actor.uri })) ??
      inner.create(Account, { host, name, uri: actor.uri, createdAt: actor.createdAt ?? now() }, { persist: true });
    Object.assign(account, {
      name,
      kind: ACCOUNT_KINDS.find((kind) => kind === actor.type) ?? 'Person',
      topic: actor.topic?.kind ?? null,
      links: linksOf(actor.fields),
      isLocked: actor.approvesFollowers,
      url: actor.url,
      aliases: [...actor.alsoKnownAs],
      movedToUri: actor.movedTo,
    });
    if (isBack && account.state === 'deleted') {
      Object.assign(account, { state: 'active', deletedAt: null });
      await inner.nativeDelete(Tombstone, { uri: actor.uri });
    }
    await inner.flush();
    if (!before) await limitNew(inner, account, now());
    const facts = {
      inboxUri: actor.inboxUri,
      sharedInboxUri: actor.sharedInboxUri,
      outboxUri: actor.outboxUri,
      followersUri: actor.followersUri,
      keys: keysOf(object, actor.uri),
      document: raw,
      fetchedAt: now(),
    };
    const known = await inner.findOne(RemoteActor, { account });
    if (known) Object.assign(known, facts);
    else inner.create(RemoteActor, { account, ...facts }, { persist: true });
    const hasFace = actor.icon !== null || actor.banner !== null;
    if (hasFace) {
      jobs.enqueue(inner, federation.jobs.fetchFaces, { accountId: account.id }, { dedupeKey: `face:${account.id}` });
    }
    if (isSame) record(inner, accountProfileChanged, { accountId: account.id });
    await rows(
      inner,
      `insert into peer_host (host, turns) values (?, '[]') on conflict (host) do nothing returning host`,
      [host],
    );
    await inner.flush();
    return account;
  });
  // what was read counts for an account, so it is there first, without words
  if (isSame) return account;
  const heldFor = await readRemoteWords({ words }, account.id, '', `${said.displayName} . ${said.bio}`);
  Object.assign(account, heldFor === null ? said : { displayName: '', bio: '' });
  record(em, accountProfileChanged, { accountId: account.id });
  await em.flush();
  return account;
}

/** Who comes from a host that is limited is in no list, as those who came before. */
async function limitNew(em: EntityManager, { id, host }: Account, now: Date): Promise<void> {
  if (!(await loadEffects(em, host)).isLimited) return;
  await restrictMany(
    em,
    'account',
    'select id from account where id = ?',
    [id],
    domainSource(host),
    RESTRICTION.list,
    now,
  );
}

/** They are read for every activity that comes, so a peer cannot make them heavy. */
const MOST_KEYS = 10;
const LONGEST_KEY = 4_096;

/** Names may pass from one actor of a host to another; the row of the former one keeps its posts. */
async function freeName(em: EntityManager, host: string, name: string, uri: string): Promise<void> {
  await rows(
    em,
    `update account set name = '~' || id where host = ? and name = ? and (uri is null or uri <> ?) returning id`,
    [host, name, uri],
  );
}

function keysOf(actor: ApObject, uri: string): KnownKey[] {
  const told = [...valuesOf(actor, 'publicKey'), ...valuesOf(actor, 'assertionMethod')];
  return told.slice(0, MOST_KEYS).flatMap((value) => {
    if (typeof value !== 'object' || value.id === undefined) return [];
    const one = (key: string) => valuesOf(value, key)[0];
    const publicKey = one('publicKeyPem') ?? one('publicKeyMultibase');
    const isOwn = (one('owner') ?? one('controller')) === uri;
    const isUsable = isOwn && typeof publicKey === 'string' && publicKey.length <= LONGEST_KEY;
    return isUsable ? [{ keyId: value.id, publicKey }] : [];
  });
}

/** Profile fields as labelled links; a field that links nowhere is left out. */
function linksOf(fields: readonly { name: string; valueHtml: string }[]) {
  return fields.flatMap(({ name, valueHtml }) => {
    const [, href] = /href="(https?:\/\/[^"\s]{1,500})"/i.exec(valueHtml) ?? [];
    return href !== undefined && URL.canParse(href) ? [{ label: name.slice(0, 80), url: new URL(href).href }] : [];
  });
}
