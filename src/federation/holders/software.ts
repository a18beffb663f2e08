import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { parsePeerJson } from '../json.ts';
import { PeerHost } from '../model.ts';

export const OWN_SOFTWARE = 'tessera';
/** Servers are replaced by others seldom. */
export const SOFTWARE_DAYS = 7;

const Links = z.object({ links: z.array(z.object({ rel: z.string().max(200), href: z.string().max(2048) })).max(20) });
const Info = z.object({ software: z.object({ name: z.string().max(80) }) });
const RELS = ['2.1', '2.0'].map((version) => `http://nodeinfo.diaspora.software/ns/schema/${version}`);
const MOST_BYTES = 64_000;

/** Which program a host runs, by its own word in NodeInfo; written down for a week. '' when it does not say. */
export async function learnSoftware(
  { em, now }: Pick<Work, 'em' | 'now'>,
  federation: Pick<Federation, 'net' | 'origin'>,
  host: string,
): Promise<string> {
  const known = await em.findOne(PeerHost, { host });
  const age = known?.softwareReadAt ? now().getTime() - known.softwareReadAt.getTime() : Number.POSITIVE_INFINITY;
  if (known && age < SOFTWARE_DAYS * 86_400_000) return known.software;
  const software = (await askNodeInfo(federation, host)).toLowerCase();
  await em
    .fork()
    .upsert(
      PeerHost,
      { host, software, softwareReadAt: now() },
      { onConflictFields: ['host'], onConflictMergeFields: ['software', 'softwareReadAt'] },
    );
  return software;
}

async function askNodeInfo({ net, origin }: Pick<Federation, 'net' | 'origin'>, host: string): Promise<string> {
  const base = `${new URL(origin).protocol}//${host}`;
  const links = Links.safeParse(await readJson(net, `${base}/.well-known/nodeinfo`));
  const found = links.success
    ? RELS.flatMap((rel) => links.data.links.find((link) => link.rel === rel) ?? [])[0]
    : null;
  // a host speaks for itself
  if (!found || !URL.canParse(found.href) || new URL(found.href).origin !== base) return '';
  const info = Info.safeParse(await readJson(net, found.href));
  return info.success ? info.data.software.name : '';
}

async function readJson(net: Federation['net'], url: string): Promise<unknown> {
  const reply = await net.peerFetch(url, { headers: { accept: 'application/json' }, maxBytes: MOST_BYTES });
  if (reply.status >= 500) throw new AppError('unavailable', `The peer answered ${reply.status}.`);
  return reply.status === 200 ? parsePeerJson(reply.body) : null;
}
