import type Router from '@koa/router';
import type { State } from '../kit/web/state.ts';
import { passwordRoutes } from './access/password-routes.ts';
import { securityRoutes } from './access/second/security-routes.ts';
import { ownAccessRoutes } from './access/settings-routes.ts';
import { signInRoutes } from './access/sign-in-routes.ts';
import type { AccountDeps } from './deps.ts';
import { aboutRoutes } from './joining/about-routes.ts';
import { appRoutes } from './joining/app-routes.ts';
import { joiningRoutes } from './joining/routes.ts';
import { leavingRoutes } from './leaving/routes.ts';
import { movingRoutes } from './moving/routes.ts';
import { peopleRoutes } from './people-routes.ts';
import { profileRoutes } from './profile/routes.ts';
import { nodeRoutes } from './staff/node-routes.ts';
import { staffRoutes } from './staff/routes.ts';

/** Every page of accounts. */
export const accountRoutes = (deps: AccountDeps): readonly Router<State>[] => [
  joiningRoutes(deps),
  signInRoutes(deps),
  passwordRoutes(deps),
  profileRoutes(deps),
  ownAccessRoutes(deps),
  securityRoutes(deps),
  peopleRoutes(deps),
  leavingRoutes(deps),
  movingRoutes(deps),
  staffRoutes(deps),
  nodeRoutes(deps),
  aboutRoutes(deps),
  appRoutes(deps),
];
