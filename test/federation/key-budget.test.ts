import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { generateActorKeys } from '../../src/federation/signatures/keys.ts';
import { post } from './strangers.ts';
import { world } from './world.ts';

const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
const HOME = from('198.51.100.7');

test('forged key ids use up neither what a host that proved itself may be asked, nor all that strangers may ask', async (t) => {
  const { n, v, vic, mallory, em, aliceUri } = await world(t, { TRUSTED_PROXIES: '1' });
  const follow = { type: 'Follow', object: aliceUri };
  assert.equal(await post(n, vic, follow, HOME), 202);

  let serial = 0;
  const forge = (address: string) => {
    serial += 1;
    const id = `${v.origin}/users/ghost${serial}`;
    const key = { keyId: `${id}#main-key`, keys: mallory.keys };
    return post(n, { ...vic, id }, follow, { ...from(address), key });
  };
  const forgeAll = async (address: string, times: number) => {
    const statuses = new Set<number>();
    for (let i = 0; i < times; i += 1) statuses.add(await forge(address));
    return [...statuses].sort();
  };

  assert.deepEqual(await forgeAll('203.0.113.1', 70), [401, 429]);
  const asked = v.asked.length;
  assert.equal(await forge('203.0.113.2'), 429, 'a neighbour of it');
  assert.equal(v.asked.length, asked);
  const fan = await v.actor('fan');
  assert.equal(await post(n, fan, follow, from('192.0.2.1')), 202, 'who never spoke before is still heard');

  assert.deepEqual(await forgeAll('203.0.114.1', 70), [401, 429]);
  assert.equal(await forge('203.0.115.1'), 429, 'strangers have used up their share');
  // the key of somebody known, rotated, behind a storm of signatures that pretend to be theirs
  const keys = await generateActorKeys();
  const publicKey = { id: vic.keyId, owner: vic.id, publicKeyPem: keys.rsaPublicPem };
  for (let i = 0; i < 10; i += 1) {
    const status = await post(n, vic, follow, {
      ...from(`203.0.${i}.1`),
      key: { keyId: vic.keyId, keys: mallory.keys },
    });
    assert.ok([401, 429].includes(status));
  }
  v.documents.set('/users/vic', { ...vic.document, publicKey });
  assert.equal(await post(n, { ...vic, keys }, follow, HOME), 202);
  const late = await v.actor('late');
  assert.equal(await post(n, late, follow, HOME), 202, 'others of that host too');
  assert.equal(await em().count(Account, { uri: { $like: '%ghost%' } }), 0);
});
