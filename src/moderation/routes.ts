import type Router from '@koa/router';
import type { State } from '../kit/web/state.ts';
import type { ModerationDeps } from './deps.ts';
import { hashRoutes } from './hashes/routes.ts';
import { guardRoutes } from './prompts/guard-routes.ts';
import { promptRuleRoutes } from './prompts/routes.ts';
import { queueRoutes } from './queue/routes.ts';
import { reportRoutes } from './reports/routes.ts';
import { rightsRoutes } from './rights/routes.ts';
import { ruleRoutes } from './rules/routes.ts';
import { auditRoutes } from './staff/audit-routes.ts';
import { statementRoutes } from './statements/routes.ts';
import { transparencyRoutes } from './transparency/routes.ts';
import { vaultRoutes } from './vault/routes.ts';

/** Every page of moderation. */
export const moderationRoutes = (deps: ModerationDeps): readonly Router<State>[] => [
  reportRoutes(deps),
  statementRoutes(),
  ruleRoutes(deps),
  promptRuleRoutes(deps),
  guardRoutes(deps),
  hashRoutes(deps),
  auditRoutes(deps),
  queueRoutes(deps),
  vaultRoutes(deps),
  transparencyRoutes(deps),
  rightsRoutes(deps),
];
