import { ApiToken } from '../../accounts/access/model.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { OAuthGrant } from './model.ts';
import { placeOf } from './redirects.ts';

export interface AppView {
  readonly id: string;
  readonly name: string;
  /** Where its answers go: by that, and not by its name, a person can tell whose it is. */
  readonly places: readonly string[];
  readonly scopes: readonly string[];
  readonly since: string;
  readonly lastUsedAt: string | null;
}

/** Apps that the viewer allowed something, the newest first. */
export async function listApps({ em }: Pick<Work, 'em'>, viewer: Viewer): Promise<AppView[]> {
  const found = await em.find(
    OAuthGrant,
    { token: { account: viewer.id }, redeemedAt: { $ne: null } },
    { populate: ['token', 'client'], orderBy: { createdAt: 'desc', id: 'desc' }, limit: 100 },
  );
  return found.map(({ id, client, token, createdAt }) => ({
    ...{ id, name: client.$.name, places: [...new Set(client.$.redirectUris.map(placeOf))] },
    scopes: token.$.scopes.map((scope) => t(`scope.${scope}`)),
    since: createdAt.toISOString(),
    lastUsedAt: token.$.lastUsedAt?.toISOString() ?? null,
  }));
}

/** Throws `not_found` for what is not the viewer's. */
export async function disconnectApp({ em }: Pick<Work, 'em'>, viewer: Viewer, grantId: string): Promise<void> {
  const grant = await em.findOne(OAuthGrant, { id: grantId, token: { account: viewer.id } });
  if (!grant) throw new AppError('not_found', 'There is no such app.');
  await em.nativeDelete(ApiToken, { id: grant.token.id });
}
