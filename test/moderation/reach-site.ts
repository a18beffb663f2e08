import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { DomainPolicy } from '../../src/federation/peers/model.ts';
import { freePort } from '../federation/nodes.ts';
import { SignedReader } from '../federation/signed-reader.ts';
import { post, stranger } from '../federation/strangers.ts';
import { painter } from '../gallery/painter.ts';
import { givenThings } from './reach.ts';

/** Ada's things on a node that other servers can reach. */
export async function reachSite(t: TestContext) {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const place = { HOST: '127.0.0.1', PORT: String(port), PUBLIC_URL: origin, FEDERATION_PRIVATE_ADDRESSES: 'true' };
  const site = await painter(t, { env: place });
  const { em, clock, settle, address } = site;
  const things = await givenThings(site);
  /** A server at this address with somebody who follows Ada, Eve who says something, and what can be followed of it, about which this holds. Returns how it reads. */
  const follower = async (at: string, rule: Partial<Pick<DomainPolicy, 'isLimited' | 'stance'>> = {}) => {
    const server = await stranger(t, at);
    const fan = await server.actor('fan');
    const { modelId, collectionId } = things;
    for (const path of ['/users/ada', '/users/eve', `/models/${modelId}/actor`, `/collections/${collectionId}/actor`])
      assert.equal(await post({ origin, clock }, fan, { type: 'Follow', object: `${origin}${path}` }), 202);
    await settle();
    const facts = { host: new URL(server.origin).host, since: clock.now(), ...rule };
    if (Object.keys(rule).length > 0) await em.fork().insert('DomainPolicy', facts);
    return new SignedReader(address, fan, clock.now);
  };
  return { site, things, follower };
}
