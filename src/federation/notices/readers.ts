import { rows } from '../../kit/database/sql.ts';
import type { Ctx } from '../../kit/web/state.ts';
import { noteExposureOnce } from './exposure.ts';

const KEY_ID = /\bkeyid="(https?:\/\/[^"\s]{1,2048})"/i;

/**
 * Writes down who reads an object that everybody may read. The signature is not checked for it, which would cost a fetch
 * of the key: a host that is known here and did not ask is sent a notice too many, and one that is not known counts not.
 */
export async function noteReader(ctx: Ctx, subject: string): Promise<void> {
  const [, keyId] = KEY_ID.exec(`${ctx.get('signature')} ${ctx.get('signature-input')}`) ?? [];
  if (keyId === undefined || !URL.canParse(keyId)) return;
  const { em, now } = ctx.state.work;
  const { host } = new URL(keyId);
  const [known] = await rows(em, 'select 1 from peer_host where host = ?', [host]);
  if (known) await noteExposureOnce(em, subject, host, 'fetched', now());
}
