import type { EntityManager } from '@mikro-orm/core';
import { Account, handle } from '../../accounts/model.ts';
import type { Veil } from '../../kit/storage/images-veil.ts';
import type { Vault } from '../../kit/storage/vault/vault.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { findFirstApprover } from '../staff/two-people.ts';
import { bytesOf, needsTwo, strictestOf, type Vaulted } from './kept.ts';
import { listAsking, type Sight, sightOf } from './look.ts';

export interface VaultRow {
  readonly id: string;
  readonly what: string;
  readonly category: string;
  readonly caseUrl: string;
  readonly caseNumber: string;
  readonly takenAt: string;
  readonly keptUntil: string;
  readonly isDue: boolean;
  readonly purgedAt: string | null;
  /** Null for what was never kept, or is gone. */
  readonly totalBytes: number | null;
}

export async function rowsOf(items: readonly Vaulted[], vault: Vault, now: Date): Promise<VaultRow[]> {
  const bytes = await bytesOf(vault, items);
  return items.map((item, n) => ({
    ...{ id: item.id, category: t(`category.${item.category}`), caseNumber: item.caseNumber },
    what: t(`vault.${item.kind}`, { id: item.subjectId }),
    caseUrl: item.caseId && item.caseNumber ? `/moderation/cases/${item.caseId}` : '',
    ...{ takenAt: item.takenAt.toISOString(), keptUntil: item.keptUntil.toISOString() },
    isDue: item.keptUntil <= now,
    purgedAt: item.purgedAt?.toISOString() ?? null,
    totalBytes: bytes[n] ?? null,
  }));
}

export interface VaultedPage extends VaultRow {
  readonly digest: string;
  readonly rule: string;
  readonly sight: Sight;
  readonly veil: Veil;
  /** Signed; '' where nothing is shown. */
  readonly pictureUrl: string;
  /** Others who ask to look, for this one to agree. */
  readonly asking: readonly { readonly id: number; readonly name: string }[];
  readonly isTwo: boolean;
  /** Who agreed first to let it go. */
  readonly firstApprover: string;
}

export async function vaultedPage(
  work: Pick<Work, 'em' | 'now'> & { readonly viewer: Viewer },
  vault: Vault,
  item: Vaulted,
  veil: Veil,
  urlOf: (path: string) => string,
): Promise<VaultedPage> {
  const { em, now } = work;
  const [row] = await rowsOf([item], vault, now());
  if (!row) throw new TypeError('one item gives one row');
  const sight = await sightOf(work, item);
  const isShown = sight === 'open' && row.totalBytes !== null;
  const first = await findFirstApprover(em, { act: 'vault.purge', subjectId: item.digest });
  const asking = await namesOf(em, await listAsking(work, item));
  return {
    ...row,
    ...{ digest: item.digest, rule: item.rule, sight, veil, asking },
    pictureUrl: isShown ? urlOf(`/moderation/vault/${item.id}/pictures/${veil}`) : '',
    isTwo: needsTwo(await strictestOf(em, item.digest)),
    firstApprover: first ? ((await namesOf(em, [first]))[0]?.name ?? '') : '',
  };
}

async function namesOf(em: EntityManager, ids: readonly number[]): Promise<{ id: number; name: string }[]> {
  const found = await em.find(Account, { id: { $in: [...ids] } });
  return found.map((account) => ({ id: account.id, name: handle(account) }));
}
