import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { parsePeerJson } from '../json.ts';
import { PeerHost } from '../model.ts';
import { isHostAllowed } from '../policy.ts';
import { loadPeer, noteSign } from './health.ts';

const Links = z.object({ links: z.array(z.object({ rel: z.string(), href: z.string() })).max(20) });
const NodeInfo = z.object({ software: z.object({ name: z.string(), version: z.string().default('') }) });
const SCHEMA = 'http://nodeinfo.diaspora.software/ns/schema/2.';

export const OWN_PROGRAM = 'tessera';
/** Servers are replaced by others seldom. */
export const PROGRAM_FOR_MS = 7 * 86_400_000;

/** The name of the program that a host runs, in small letters, by its word of this week. '' when it does not say. */
export async function learnProgram(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  host: string,
): Promise<string> {
  const known = await work.em.findOne(PeerHost, { host });
  const age = work.now().getTime() - (known?.softwareAskedAt?.getTime() ?? Number.NEGATIVE_INFINITY);
  if (age >= PROGRAM_FOR_MS) await askPeer(work, federation, host);
  const peer = known ?? (await work.em.findOne(PeerHost, { host }));
  return (peer?.software.split(' ')[0] ?? '').toLowerCase();
}

/**
 * Asks a host what it runs (NodeInfo, FEP-f1d5). An answer is a sign of life; silence changes nothing, and whoever wants to
 * know next asks again. Throws `unavailable`.
 */
export async function askPeer(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  host: string,
): Promise<string> {
  const { em, now } = work;
  if (!(await isHostAllowed(federation, em, host))) return 'not wanted';
  const peer = await loadPeer(em, host);
  const before = peer.softwareAskedAt ?? null;
  peer.softwareAskedAt = now();
  await em.flush();
  try {
    const software = await readProgram(federation, host);
    if (software === null) return 'does not say';
    peer.software = software;
    await em.flush();
  } catch (error) {
    peer.softwareAskedAt = before;
    await em.flush();
    throw error;
  }
  await noteSign(work, federation, host);
  return peer.software;
}

/** Its name and version; null where it does not say. */
async function readProgram(federation: Federation, host: string): Promise<string | null> {
  const { protocol } = new URL(federation.origin);
  const index = Links.safeParse(await readJson(federation, `${protocol}//${host}/.well-known/nodeinfo`));
  const href = index.data?.links.find(({ rel }) => rel.startsWith(SCHEMA))?.href;
  if (href === undefined || !URL.canParse(href) || new URL(href).host !== host) return null;
  const found = NodeInfo.safeParse(await readJson(federation, href));
  return found.success ? `${found.data.software.name} ${found.data.software.version}`.trim().slice(0, 80) : null;
}

async function readJson({ net }: Federation, url: string): Promise<unknown> {
  const reply = await net.peerFetch(url, { headers: { accept: 'application/json' }, maxBytes: 100_000 });
  if (reply.status >= 500) throw new AppError('unavailable', `The peer answered ${reply.status}.`);
  return reply.status === 200 ? parsePeerJson(reply.body) : null;
}
