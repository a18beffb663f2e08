import type { EntityManager } from '@mikro-orm/core';
import { can } from '../../accounts/permissions.ts';
import { MODEL_ACCESS, type ModelAccessRow, modelAudienceParameters, modelVerdict } from '../../catalogue/access.ts';
import type { ContentState } from '../../catalogue/types.ts';
import { assertSees } from '../../gallery/access.ts';
import { isShownPerson } from '../../gallery/hidden.ts';
import { type Conversation, loadConversation } from '../../gallery/talk/conversation.ts';
import { loadTalkPictures, type TalkPictures } from '../../gallery/talk-pictures/shown.ts';
import {
  type Eyes,
  eyesOf,
  OWNER_COLUMNS,
  type OwnerRow,
  type OwnerView,
  ownerView,
  PICTURE_COLUMNS,
  type PictureRow,
  type PictureView,
  pictureView,
} from '../../gallery/views.ts';
import { rows, toDate, toDateOrNull, toNumber } from '../../kit/database/sql.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { IsLookedInto } from '../deps.ts';
import { thingsOf } from './end.ts';
import { POT } from './list.ts';
import type { Bounty } from './model.ts';

interface EntryView {
  readonly id: string;
  readonly account: OwnerView;
  readonly text: string;
  readonly postedAt: string;
  readonly isMine: boolean;
  readonly isWaiting: boolean;
  readonly isWithheld: boolean;
  readonly awardedCredits: number;
  readonly awardedAt: string;
  /** Null while its files are for few, and for what this person may not see. */
  readonly model: { readonly name: string; readonly url: string } | null;
  readonly hasFiles: boolean;
  /** '' while they are not this person's. */
  readonly fileUrl: string;
  readonly pictures: readonly PictureView[];
  readonly postUrl: string;
  readonly mayAward: boolean;
}

export interface BountyView {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly kind: Bounty['kind'];
  readonly mode: Bounty['mode'];
  readonly state: Bounty['state'];
  readonly baseModel: string;
  readonly owner: OwnerView;
  readonly tags: readonly string[];
  /** Sent in with it. */
  readonly pictures: TalkPictures;
  /** Public pictures that it names. */
  readonly references: readonly PictureView[];
  readonly pot: number;
  readonly givers: readonly { readonly giver: OwnerView | null; readonly amount: number }[];
  readonly deadlineAt: string;
  readonly awardBy: string;
  readonly postedAt: string;
  readonly changedAt: string;
  readonly isMine: boolean;
  readonly isStaff: boolean;
  readonly isWaiting: boolean;
  readonly isWithheld: boolean;
  readonly isLookedInto: boolean;
  /** Entries and credits come in. */
  readonly isTaking: boolean;
  readonly mayEnter: boolean;
  readonly mayCancel: boolean;
  readonly entries: readonly EntryView[];
  readonly conversation: Conversation;
}

interface Row extends OwnerRow {
  id: string;
  title: string;
  text: string;
  kind: Bounty['kind'];
  mode: Bounty['mode'];
  state: Bounty['state'];
  base_model: string;
  deadline_at: unknown;
  award_by: unknown;
  held_at: unknown;
  withheld_at: unknown;
  created_at: unknown;
  updated_at: unknown;
  pot: unknown;
}

const MOST_GIVERS = 60;

/** Throws `not_found`, `gone` and `withheld`. A handful of indexed queries. */
export async function loadBountyPage(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  isLookedInto: IsLookedInto,
  bountyId: string,
): Promise<BountyView> {
  const { em, viewer, now } = work;
  const { ownerId } = await assertSees(em, viewer, { kind: 'bounty', id: bountyId });
  const [row] = await rows<Row>(
    em,
    `select b.id, b.title, b.text, b.kind, b.mode, b.state, b.base_model, b.deadline_at, b.award_by, b.held_at,
       b.withheld_at, b.created_at, b.updated_at, ${POT} as pot, ${OWNER_COLUMNS}
     from bounty b join account a on a.id = b.owner_id where b.id = ?`,
    [bountyId],
  );
  if (!row) throw new TypeError('a bounty that is seen has a row');
  const eyes = await eyesOf(em, viewer);
  const givers = await listGivers(em, bountyId);
  const isOpen = row.state === 'open' && row.held_at == null && row.withheld_at == null;
  const isMine = viewer?.id === ownerId;
  const isStaff = viewer !== null && can(viewer, 'moderateContent');
  const isFrozen = await isLookedInto(em, await thingsOf(em, bountyId));
  const isTaking = isOpen && toDate(row.deadline_at) > now();
  const isGiver = givers.some(({ accountId }) => accountId !== null && accountId === viewer?.id);
  const mayAward = isOpen && toDate(row.award_by) > now() && (isStaff || isMine || (row.mode === 'Split' && isGiver));
  const entries = await listEntries(work, eyes, {
    ...{ bountyId, mayAward: mayAward && (isStaff || !isFrozen) },
    seesFiles: isMine || isStaff || isGiver,
  });
  return {
    ...{ id: row.id, title: row.title, text: row.text, kind: row.kind, mode: row.mode, state: row.state },
    ...{ baseModel: row.base_model, owner: ownerView(row), pot: toNumber(row.pot) },
    tags: await listTags(em, bountyId),
    pictures: await loadTalkPictures({ em, viewer }, 'bounty', bountyId),
    references: await listReferences(em, eyes, bountyId),
    givers: givers.map(({ giver, amount }) => ({ giver, amount })),
    deadlineAt: toDate(row.deadline_at).toISOString(),
    awardBy: toDate(row.award_by).toISOString(),
    postedAt: toDate(row.created_at).toISOString(),
    changedAt: toNumber(toDate(row.updated_at) > toDate(row.created_at)) ? toDate(row.updated_at).toISOString() : '',
    ...{ isMine, isStaff, isWaiting: row.held_at != null, isWithheld: row.withheld_at != null, isLookedInto: isFrozen },
    ...{ isTaking, mayEnter: isTaking && viewer !== null && !isMine, entries },
    mayCancel: isMine && row.state === 'open' && row.withheld_at == null && entries.length === 0,
    conversation: await loadConversation(work, { kind: 'bounty', id: bountyId }, ownerId),
  };
}

async function listTags(em: EntityManager, bountyId: string): Promise<string[]> {
  const found = await rows<{ name: string }>(
    em,
    'select t.name from bounty_tag g join tag t on t.id = g.tag_id where g.bounty_id = ? order by t.name',
    [bountyId],
  );
  return found.map(({ name }) => name);
}

/** Those that are still public, and of a rating that this person looks at. */
async function listReferences(em: EntityManager, eyes: Eyes, bountyId: string): Promise<PictureView[]> {
  const found = await rows<PictureRow>(
    em,
    `select ${PICTURE_COLUMNS} from bounty_reference r join image i on i.id = r.image_id
     where r.bounty_id = ? and i.listed_at is not null and i.deleted_at is null and (i.level & ?) <> 0 order by r.position`,
    [bountyId, eyes.levels],
  );
  return found.map((row) => pictureView(row, eyes));
}

async function listGivers(em: EntityManager, bountyId: string) {
  const found = await rows<Partial<OwnerRow> & { account_id: number | null; total: unknown; is_there: number | null }>(
    em,
    `select p.account_id, p.total, a.id as is_there, ${OWNER_COLUMNS} from (select account_id, sum(amount) as total
       from credit_pledge where subject_kind = 'bounty' and subject_id = ? and state <> 'refunded' group by account_id) p
     left join account a on a.id = p.account_id order by p.total desc, p.account_id limit ${MOST_GIVERS}`,
    [bountyId],
  );
  return found.map((row) => ({
    accountId: row.account_id,
    giver: row.is_there === null ? null : ownerView(row as OwnerRow),
    amount: toNumber(row.total),
  }));
}

interface EntryRow extends OwnerRow, ModelAccessRow {
  id: string;
  text: string;
  created_at: unknown;
  held_at: unknown;
  withheld_at: unknown;
  awarded_at: unknown;
  awarded_credits: unknown;
  version_id: number | null;
  version_name: string | null;
  version_state: ContentState | null;
  version_restrictions: number | null;
  model_id: number | null;
  model_name: string | null;
  post_id: number | null;
}

interface EntryAsk {
  readonly bountyId: string;
  readonly mayAward: boolean;
  readonly seesFiles: boolean;
}

async function listEntries(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  eyes: Eyes,
  { bountyId, mayAward, seesFiles }: EntryAsk,
): Promise<EntryView[]> {
  const viewerId = viewer?.id ?? 0;
  const isStaff = viewer !== null && can(viewer, 'moderateContent');
  const found = await rows<EntryRow>(
    em,
    `select e.id, e.text, e.created_at, e.held_at, e.withheld_at, e.awarded_at, e.awarded_credits, e.version_id, e.post_id,
       v.name as version_name, v.state as version_state, m.id as model_id, m.name as model_name, ${MODEL_ACCESS},
       coalesce((select s.restrictions from policy_state s where s.target_kind = 'version' and s.target_id = v.id), 0) as version_restrictions,
       ${OWNER_COLUMNS}
     from bounty_entry e join account a on a.id = e.account_id left join model_version v on v.id = e.version_id
     left join model m on m.id = v.model_id
     where e.bounty_id = ? and e.withdrawn_at is null and a.state = 'active' and ${isShownPerson('a')}
       and ((e.held_at is null and e.withheld_at is null) or e.account_id = ? or ?)
     order by case when e.awarded_at is null then 1 else 0 end, e.created_at, e.id`,
    [...modelAudienceParameters(viewer), bountyId, viewerId, viewerId, viewerId, isStaff],
  );
  const pictures = await listEntryPictures(em, eyes, bountyId);
  return found.map((row) => {
    const isMine = row.owner_id === viewerId;
    const isAwarded = row.awarded_at != null;
    const isShown = row.held_at == null && row.withheld_at == null;
    return {
      ...{ id: row.id, account: ownerView(row), text: row.text, isMine },
      postedAt: toDate(row.created_at).toISOString(),
      ...{ isWaiting: row.held_at != null, isWithheld: row.withheld_at != null },
      awardedCredits: toNumber(row.awarded_credits),
      awardedAt: toDateOrNull(row.awarded_at)?.toISOString() ?? '',
      model: modelOf(row, viewer),
      hasFiles: row.version_id !== null,
      fileUrl:
        row.version_id !== null && (isMine || seesFiles || (isAwarded && isShown))
          ? `/bounties/${bountyId}/entries/${row.id}/file`
          : '',
      pictures: pictures.filter(({ entryId }) => entryId === row.id).map(({ view }) => view),
      postUrl: row.post_id === null ? '' : `/posts/${row.post_id}`,
      mayAward: mayAward && isShown && !isMine,
    };
  });
}

function modelOf(row: EntryRow, viewer: Viewer | null): EntryView['model'] {
  if (row.model_id === null || row.version_state === null) return null;
  const of = { state: row.version_state, restrictions: row.version_restrictions ?? 0 };
  if (!modelVerdict(row, viewer).allowed || !modelVerdict(row, viewer, 'view', of).allowed) return null;
  return { name: `${row.model_name} · ${row.version_name}`, url: `/models/${row.model_id}?version=${row.version_id}` };
}

const PICTURES_EACH = 4;

async function listEntryPictures(em: EntityManager, eyes: Eyes, bountyId: string) {
  const found = await rows<PictureRow & { entry_id: string }>(
    em,
    `select e.id as entry_id, ${PICTURE_COLUMNS} from bounty_entry e join image i on i.post_id = e.post_id
     where e.bounty_id = ? and e.withdrawn_at is null and i.listed_at is not null and i.deleted_at is null
       and (i.level & ?) <> 0 and i.position < ${PICTURES_EACH} order by i.position, i.id`,
    [bountyId, eyes.levels],
  );
  return found.map((row) => ({ entryId: row.entry_id, view: pictureView(row, eyes) }));
}
