import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { PERMISSION } from '../../accounts/permissions.ts';
import type { DeskLink } from '../../moderation/queue/desk.ts';
import { openRow } from '../../moderation/queue/open.ts';
import { readOwnUri } from '../addresses.ts';
import type { PeerReport } from '../model.ts';

const SEVERE: ReadonlySet<string> = new Set(['minor', 'ncii']);

/** Its place in the queue of moderation. */
export const rowOf = ({ id }: Pick<PeerReport, 'id'>): string => `report:${id}`;

/** The queue leads to the page where reports of peers are closed, for who sent one is told what came of it. */
export const PEER_PAGES: DeskLink = {
  ...{ kinds: ['peer'], prefix: 'report:' },
  urlOf: ({ subjectId }) => `/admin/peer-reports#${subjectId.replace(':', '-')}`,
};

/** A report of a peer stands in the one queue; children and intimate pictures first. The caller flushes. */
export async function openReport(
  em: EntityManager,
  origin: string,
  report: Pick<PeerReport, 'id' | 'host' | 'objectUris'> & { readonly code?: string },
  now: Date,
): Promise<void> {
  // the account comes first in Mastodon's list; the thing itself says more
  const named = report.objectUris.flatMap((uri) => readOwnUri(origin, uri) ?? []);
  const about = named.find(({ kind }) => kind !== 'account') ?? named[0];
  if (!about) return;
  const isSevere = SEVERE.has(report.code ?? '');
  const account = about.kind === 'account' ? await em.findOne(Account, { host: '', name: about.name }) : null;
  await openRow(
    em,
    {
      ...{ kind: 'peer', subjectId: rowOf(report), title: `${report.host}: ${report.code || 'report'}` },
      about: 'id' in about ? { kind: about.kind, id: about.id } : { kind: 'account', id: account?.id ?? about.name },
      priority: isSevere ? 0 : 2,
      permission: isSevere ? PERMISSION.decideSevere : PERMISSION.moderateContent,
    },
    now,
  );
}
