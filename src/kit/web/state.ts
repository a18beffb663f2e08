import type { DefaultState, ParameterizedContext } from 'koa';
import type { Work } from '../work.ts';
import type { PageHead, PageState } from './views.ts';

/** What the app puts on each request before a route sees it. */
export interface State extends DefaultState {
  work: Work;
  page: PageState & Pick<PageHead, 'alternate'>;
  /** Shown in the log and to the person when something of ours failed. */
  requestId: string;
  /** The session that the cookie names, when one does. */
  sessionId: string | null;
  /** How the request proved who it is. */
  door: 'visitor' | 'cookie' | 'token';
}

export type Ctx = ParameterizedContext<State>;
