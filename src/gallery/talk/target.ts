import type { EntityManager } from '@mikro-orm/core';
import { Block } from '../../accounts/model.ts';
import { can } from '../../accounts/permissions.ts';
import type { ContentState } from '../../catalogue/types.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Viewer } from '../../kit/work.ts';
import { decide } from '../../safety/policy.ts';
import {
  accessParameters,
  assertAllowed,
  IMAGE_ACCESS,
  type ImageAccessRow,
  imageVerdict,
  POST_ACCESS,
  type PostAccessRow,
  postVerdict,
} from '../access.ts';

/** What one may talk about or like. */
export type Target =
  | { readonly kind: 'model' | 'post' | 'image'; readonly id: number }
  | { readonly kind: 'comment'; readonly id: string };
export type Subject = Extract<Target, { id: number }>;

/** Who speaks: the viewer, or an account of a peer whose activity was verified. */
export interface Speaker {
  readonly id: number;
  readonly permissions: number;
}

export const urlOf = (subject: Subject): string => `/${subject.kind}s/${subject.id}`;

const speakerAsViewer = (speaker: Speaker | null): Viewer | null =>
  speaker && { id: speaker.id, permissions: speaker.permissions, name: '', levels: 0, scopes: null };

/** Throws `not_found`, `gone` or `withheld` when this person may not see it. */
export async function loadSubject(
  em: EntityManager,
  speaker: Speaker | null,
  { kind, id }: Subject,
): Promise<{ ownerId: number }> {
  const viewer = speakerAsViewer(speaker);
  if (kind === 'model') return loadModelSubject(em, viewer, id);
  const [row] =
    kind === 'post'
      ? await rows<PostAccessRow>(em, `select ${POST_ACCESS} from post p where p.id = ?`, [
          ...accessParameters(viewer),
          id,
        ])
      : await rows<ImageAccessRow>(
          em,
          `select ${IMAGE_ACCESS} from image i join post p on p.id = i.post_id where i.id = ?`,
          [...accessParameters(viewer), id],
        );
  if (!row) throw new AppError('not_found', 'There is nothing at this address.');
  assertAllowed(kind === 'post' ? postVerdict(row, viewer) : imageVerdict(row as ImageAccessRow, viewer));
  return { ownerId: row.access_owner };
}

async function loadModelSubject(em: EntityManager, viewer: Viewer | null, id: number): Promise<{ ownerId: number }> {
  const [row] = await rows<{ owner_id: number; state: ContentState; restrictions: number; of_owner: number }>(
    em,
    `select m.owner_id, m.state,
       coalesce((select s.restrictions from policy_state s where s.target_kind = 'model' and s.target_id = m.id), 0)
         as restrictions,
       coalesce((select s.restrictions from policy_state s where s.target_kind = 'account' and s.target_id = m.owner_id), 0)
         as of_owner
     from model m where m.id = ?`,
    [id],
  );
  if (!row) throw new AppError('not_found', 'There is no such model.');
  const subject = { ownerId: row.owner_id, state: row.state, restrictions: row.restrictions | row.of_owner };
  assertAllowed(decide('view', viewer, subject, can(viewer, 'moderateContent')));
  return { ownerId: row.owner_id };
}

/** Throws `forbidden` when one of these people blocks the speaker, or is blocked by them. */
export async function assertNoBlock(em: EntityManager, speakerId: number, others: readonly number[]): Promise<void> {
  const ids = others.filter((id) => id !== speakerId);
  const count = await em.count(Block, {
    kind: 'block',
    $or: [
      { account: speakerId, target: { $in: ids } },
      { account: { $in: ids }, target: speakerId },
    ],
  });
  if (count > 0) throw new AppError('forbidden', 'You cannot do this here.');
}
