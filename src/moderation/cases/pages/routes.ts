import type Router from '@koa/router';
import type { State } from '../../../kit/web/state.ts';
import type { DeskLink } from '../../queue/desk.ts';
import { claimRoutes } from './claim-routes.ts';
import { claimantRoutes } from './claimant-routes.ts';
import type { CaseDeps } from './deps.ts';
import { moderatorRoutes } from './moderator-routes.ts';
import { orderRoutes } from './order-routes.ts';
import { claimSettingsRoutes } from './settings-routes.ts';
import { uploaderRoutes } from './uploader-routes.ts';

/** Every page of the claims desk. `/claims/new` comes before the numbers. */
export const caseRoutes = (deps: CaseDeps): readonly Router<State>[] => [
  claimRoutes(deps),
  claimantRoutes(deps),
  uploaderRoutes(deps),
  moderatorRoutes(deps),
  orderRoutes(deps),
  claimSettingsRoutes(deps),
];

/** The queue leads to the page of a case, which decides it and its appeals. */
export const CASE_PAGES: DeskLink = {
  kinds: ['case', 'appeal'],
  urlOf: ({ subjectId }) => `/moderation/cases/${subjectId}`,
};
