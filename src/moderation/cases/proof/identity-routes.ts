import type Router from '@koa/router';
import { z } from 'zod';
import type { State } from '../../../kit/web/state.ts';
import { postWithFiles, type WayIn } from '../files/routes.ts';
import type { CaseDeps } from '../pages/deps.ts';
import { MOST_PROOF_BYTES, type Side, sendIdentity } from './identity.ts';

/** Of somebody who is a party to the case. */
export interface PartyWay extends WayIn {
  readonly party: Side;
}

const IDENTITY = {
  field: 'identity',
  maxFiles: 1,
  maxFileBytes: MOST_PROOF_BYTES,
  name: 'identity',
  schema: z.object({}),
};

/** A party sends a picture that shows who they are; there is no address at which it can be seen again. */
export function identityRoute(routes: Router<State>, deps: CaseDeps, way: PartyWay): void {
  postWithFiles(routes, deps, way, IDENTITY, async (work, kase, _form, [file]) => {
    await sendIdentity(work, deps.claims, kase, way.party, file);
    return '?said=identity#identity';
  });
}
