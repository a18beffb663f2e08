import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import type { IncomingAct } from '../inbox/act.ts';

export async function takeReceipt(
  _work: Pick<Work, 'em' | 'now'>,
  _federation: Federation,
  _act: Pick<IncomingAct, 'activity' | 'actorId'>,
): Promise<string | null> {
  return null;
}
