import type { EntityManager } from '@mikro-orm/core';
import { isBlockedEither } from '../../accounts/block.ts';
import { Account, handle, isLocal } from '../../accounts/model.ts';
import { assertSees } from '../../gallery/access.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer } from '../../kit/work.ts';

export interface TipTarget {
  readonly about: string;
  readonly kind: 'image' | 'model' | 'account';
  readonly id: number;
  readonly recipient: Account;
  /** What stands on the page: whom, and for what. */
  readonly title: string;
  readonly url: string;
  /** Why this cannot be; '' when it can. */
  readonly refusal: string;
}

/** `image:12`, `model:5` or `account:7`. Throws `not_found`, `gone` and `withheld` as the page of the thing does. */
export async function loadTipTarget(em: EntityManager, viewer: Viewer, about: string): Promise<TipTarget> {
  const [, kind, digits = ''] = /^(image|model|account):([1-9]\d{0,9})$/.exec(about) ?? [];
  const id = Number(digits);
  if ((kind !== 'image' && kind !== 'model' && kind !== 'account') || id > 2_147_483_647) throw nothing();
  const ownerId = kind === 'account' ? id : (await assertSees(em, viewer, { kind, id })).ownerId;
  const recipient = await em.findOne(Account, { id: ownerId, state: 'active' });
  if (!recipient) throw nothing();
  return {
    ...{ about, kind, id, recipient },
    title: kind === 'model' ? await modelName(em, id) : kind === 'image' ? t('tip.image') : '',
    url: kind === 'account' ? `/${handle(recipient)}` : `/${kind}s/${id}`,
    refusal: await refusalOf(em, viewer, recipient),
  };
}

async function refusalOf(em: EntityManager, viewer: Viewer, recipient: Account): Promise<string> {
  if (recipient.id === viewer.id) return t('tip.self');
  if (!isLocal(recipient)) return t('tip.elsewhere', { host: recipient.host });
  // who blocks whom is not said
  if (await isBlockedEither({ em }, viewer.id, recipient.id)) return t('tip.refused');
  return '';
}

async function modelName(em: EntityManager, id: number): Promise<string> {
  const [found] = await rows<{ name: string }>(em, 'select name from model where id = ?', [id]);
  return found?.name ?? '';
}

const nothing = () => new AppError('not_found', 'There is nothing at this address.');
