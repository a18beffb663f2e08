import type { TestContext } from 'node:test';
import { Account, Follow } from '../../src/accounts/model.ts';
import { refreshActor } from '../../src/federation/actors/load.ts';
import { newId } from '../../src/kit/ids.ts';
import { givenMember } from '../factories/accounts.ts';
import { NOW } from '../factories/content.ts';
import { peerNode } from './nodes.ts';
import { type StrangeActor, stranger } from './strangers.ts';

export const PUBLIC = 'https://www.w3.org/ns/activitystreams#Public';

/** Node N with alice; the honest V with vic, the hostile E with mallory (spec/federation.md, section 4). */
export async function world(t: TestContext, env: Record<string, string> = {}) {
  const n = await peerNode(t, '127.0.0.1', env);
  const [v, e] = [await stranger(t, '127.0.0.2'), await stranger(t, '127.0.0.3')];
  const [vic, mallory] = [await v.actor('vic'), await e.actor('mallory')];
  const alice = await givenMember(n.em, 'alice');
  const em = () => n.node.orm.em.fork();
  /** Alice, or another of ours, follows this actor, as after an Accept. */
  const follows = async (actor: StrangeActor, name = 'alice') => {
    const work = n.workAs(null);
    await refreshActor(work, n.node.federation, actor.id);
    await n.settle();
    const fresh = em();
    const target = await fresh.findOneOrFail(Account, { uri: actor.id });
    const follower = await fresh.findOneOrFail(Account, { host: '', name });
    const uri = `${n.origin}/users/${name}#follow-${target.id}`;
    fresh.create(Follow, { id: newId(), follower, target, state: 'accepted', uri, createdAt: NOW }, { persist: true });
    await fresh.flush();
    return target;
  };
  return { n, v, e, vic, mallory, alice, em, follows, aliceUri: `${n.origin}/users/alice` };
}

/** A note with a picture by this actor, at this path of its host. */
export const note = (ownerId: string, path: string, more: object = {}) => ({
  id: `${new URL(ownerId).origin}${path}`,
  type: 'Note',
  attributedTo: ownerId,
  to: [PUBLIC],
  published: NOW.toISOString(),
  content: '<p>Look</p>',
  attachment: [{ type: 'Image', mediaType: 'image/png', url: `${new URL(ownerId).origin}/p.png`, name: 'A picture' }],
  ...more,
});
