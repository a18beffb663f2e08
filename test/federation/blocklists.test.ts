import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Account, Follow } from '../../src/accounts/model.ts';
import { setRole } from '../../src/accounts/staff/roles.ts';
import { checkRows } from '../../src/federation/blocklists/check.ts';
import { addList, ListForm, renewList } from '../../src/federation/blocklists/lists.ts';
import { readList } from '../../src/federation/blocklists/read.ts';
import { writeList } from '../../src/federation/blocklists/write.ts';
import { BlockList, DomainPolicy, PolicyDraft } from '../../src/federation/peers/model.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { textOf } from '../accounts/browser.ts';
import { givenAccount, NOW } from '../factories/content.ts';
import { painter } from '../gallery/painter.ts';

async function staffed(t: Parameters<typeof painter>[0], options: Parameters<typeof painter>[1] = {}) {
  const world = await painter(t, options);
  const fork = world.em.fork();
  await setRole({ em: fork }, await fork.findOneOrFail(Account, world.ada.id), 'owner');
  await fork.flush();
  const bring = async (text: string, meaning = 'blocked') => {
    const form = new FormData();
    form.append('name', 'A list');
    form.append('meaning', meaning);
    form.append('file', new Blob([text]), 'list.csv');
    return world.browser.postForm('/admin/federation/lists', form);
  };
  const policies = async () => world.em.fork().find(DomainPolicy, {}, { orderBy: { host: 'asc' } });
  return { ...world, bring, policies };
}

test('scenario 58: an import with our own domain, a star, a whole ending and a punycode twin names each line and takes the rest', async (t) => {
  const { bring, browser, em, node, policies } = await staffed(t);
  const own = node.federation.publicUrl.hostname;
  const file = [
    '#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate',
    'bad.example,suspend,true,true,"spam, and ""more""",false',
    `${own},suspend,,,,`,
    '*,suspend,,,,',
    'com,suspend,,,,',
    'co.uk,suspend,,,,',
    'münchen.example,silence,,,,',
    'xn--mnchen-3ya.example,suspend,,,,',
    '203.0.113.7,suspend,,,,',
    '[2001:db8::1],suspend,,,,',
    '*.evil.example,suspend,,,,',
    'odd.example,burn,,,,',
    'loud.example,noop,true,,,',
    'github.io,suspend,,,,',
    'https://gov.uk/,suspend,,,,',
    'net.au.,suspend,,,,',
    'com.au:443,suspend,,,,',
    'one.github.io,suspend,,,,',
  ].join('\n');
  const answer = await bring(file);
  assert.equal(answer.status, 302, answer.text.slice(0, 500));
  const page = textOf((await browser.get(answer.location)).text);
  for (const line of [3, 4, 5, 6, 8, 9, 10, 11, 12, 14, 15, 16, 17])
    assert.match(page, new RegExp(`Line ${line} `), `line ${line}`);
  assert.match(page, /Line 8 .*is the host of line 7 again/);
  assert.match(page, /Line 14 .*github\.io.* is an ending that many share/);
  assert.equal((await policies()).length, 0, 'nothing holds before a person accepts');
  await browser.post(`${answer.location}/acceptance`, {});
  const held = await policies();
  assert.deepEqual(
    held.map(({ host, stance, isLimited, rejectsMedia }) => [host, stance, isLimited, rejectsMedia]),
    [
      ['bad.example', 'blocked', false, true],
      ['loud.example', null, false, true],
      ['one.github.io', 'blocked', false, false],
      ['xn--mnchen-3ya.example', null, true, false],
    ],
  );
  assert.equal(held[0]?.publicComment, 'spam, and "more"');
  const audit = await em.fork().find(AuditEntry, { action: { $like: 'blocklist.%' } }, { orderBy: { seq: 'asc' } });
  assert.deepEqual(
    audit.map(({ action }) => action),
    ['blocklist.read', 'blocklist.accept'],
  );
  const [first] = audit;
  assert.ok(first);
  assert.equal((first.after as { digest: string }).digest, createHash('sha256').update(file).digest('hex'));
});

test('scenario 58: neither this node nor a name above it can be blocked by a list', async (t) => {
  const { em } = await staffed(t);
  const publicUrl = new URL('https://art.mine.example');
  const { rows } = readList('art.mine.example\nmine.example\nother.art.mine.example\n', 'blocked');
  const { good, faults } = await checkRows(em.fork(), { publicUrl }, rows);
  assert.deepEqual(
    faults.map(({ line, text }) => [line, / is this node/.test(text)]),
    [
      [1, true],
      [2, true],
    ],
  );
  assert.deepEqual(
    good.map(({ host }) => host),
    ['other.art.mine.example'],
  );
});

test('scenario 58: a list of a million rows is refused with the line where it is too long', async (t) => {
  const { bring, em } = await staffed(t);
  const rows = Array.from({ length: 1_000_000 }, (_, n) => `n${n}.spam.example`).join('\n');
  const answer = await bring(`#domain\n${rows}`);
  assert.equal(answer.status, 422);
  assert.match(textOf(answer.text), /Line 20002: a list has at most 20000 rows/);
  assert.equal(await em.fork().count(BlockList), 0);
  assert.equal(await em.fork().count(PolicyDraft), 0);
  const most = readList(rows.split('\n').slice(0, 20_000).join('\n'), 'blocked');
  assert.equal(most.rows.length, 20_000);
});

test('the preview tells whom each row would touch, also below its name', async (t) => {
  const { bring, browser, em, ada } = await staffed(t);
  const theirs = givenAccount(em, { host: 'art.bad.example' });
  givenAccount(em, { host: 'notbad.example' });
  await em.flush();
  em.create(
    Follow,
    { id: newId(), follower: theirs, target: ada.id, state: 'accepted', createdAt: NOW },
    { persist: true },
  );
  await em.flush();
  const answer = await bring('bad.example\nquiet.example\n');
  const page = textOf((await browser.get(answer.location)).text);
  assert.match(page, /bad\.example.*people known: 1, followers here of theirs: 0, followers of ours there: 1/s);
  assert.match(page, /quiet\.example.*nobody known/s);
});

test('each format of the spec is read as what it means', () => {
  const rule = (text: string, meaning: 'blocked' | 'allowed' = 'blocked') =>
    readList(text, meaning).rows.map((row) =>
      'problem' in row ? row.problem : [row.domain, row.rule.stance, row.rule.isLimited, row.rule.rejectsMedia],
    );
  const format = (text: string) => readList(text, 'blocked').format;
  const mastodon =
    '\ufeff#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\r\na.example,silence,true,false,,false\r\n';
  assert.deepEqual([format(mastodon), rule(mastodon)], ['mastodon-csv', [['a.example', null, true, true]]]);
  assert.deepEqual(rule('#domain\na.example\n', 'allowed'), [['a.example', 'allowed', false, false]]);
  assert.deepEqual(rule('#domain\na.example\n'), [['a.example', 'blocked', false, false]]);
  const hole = 'domain,severity,private_comment\na.example,suspend,"two\nlines"\nb.example,,\n';
  assert.deepEqual(
    [format(hole), rule(hole)],
    [
      'fediblockhole-csv',
      [
        ['a.example', 'blocked', false, false],
        ['b.example', 'blocked', false, false],
      ],
    ],
  );
  assert.equal(readList(hole, 'blocked').rows[1]?.line, 4, 'lines are counted through quotes');
  assert.deepEqual(
    [format('# list\na.example\n'), rule('# list\na.example\n')],
    ['plain', [['a.example', 'blocked', false, false]]],
  );
  const gts = JSON.stringify([{ domain: 'a.example', suspended_at: '2026-01-01T00:00:00Z', public_comment: 'x' }]);
  assert.deepEqual([format(gts), rule(gts)], ['gotosocial-json', [['a.example', 'blocked', false, false]]]);
  const api = JSON.stringify([{ domain: 'a.ex****e', digest: 'ab', severity: 'silence', comment: 'x' }]);
  assert.deepEqual([format(api), rule(api)], ['mastodon-json', [['a.ex****e', null, true, false]]]);
  const ours =
    '#domain,#severity,#reject_files,#no_mirror,#force_rating,#expires_at\na.example,noop,true,true,R,2027-01-01\n';
  const [row] = readList(ours, 'blocked').rows;
  assert.ok(row && 'rule' in row);
  assert.deepEqual(
    [row.rule.rejectsFiles, row.rule.forbidsMirror, row.rule.forcedLevel, row.expiresAt],
    [true, true, 4, '2027-01-01T00:00:00.000Z'],
  );
  assert.throws(() => readList('<!doctype html>', 'blocked'), { kind: 'invalid' });
  assert.throws(() => readList('[{', 'blocked'), { kind: 'invalid' });
});

test('a starred name of Mastodon’s public list is found by its digest among the hosts known here', async (t) => {
  const { bring, browser, em, policies } = await staffed(t);
  givenAccount(em, { host: 'art.bad.example' });
  await em.flush();
  const digest = createHash('sha256').update('bad.example').digest('hex');
  const entry = (domain: string, of: string) => ({ domain, digest: of, severity: 'suspend', comment: '' });
  const answer = await bring(
    JSON.stringify([entry('b**.ex****e', digest), entry('c**.ex****e', '0'.repeat(64)), entry('liar.example', digest)]),
  );
  await browser.post(`${answer.location}/acceptance`, {});
  assert.deepEqual(
    (await policies()).map(({ host }) => host),
    ['bad.example'],
  );
  const page = textOf((await browser.get(answer.location)).text);
  assert.match(page, /Line 2 .*starred out/);
  assert.match(page, /Line 3 .*does not fit its digest/);
});

test('an export keeps notes to itself, disarms formulas, and comes back as it went', async (t) => {
  const { browser, em } = await staffed(t);
  const given = (host: string, facts: Partial<DomainPolicy>) =>
    em.create(DomainPolicy, { host, since: NOW, note: 'secret', ...facts }, { persist: true });
  given('a.example', { stance: 'blocked', publicComment: '=cmd|x', isObfuscated: true });
  given('b.example', { isLimited: true, rejectsReports: true });
  given('c.example', { stance: 'allowed' });
  given('d.example', { rejectsFiles: true, forcedLevel: 4, reasonCode: 'nsfw' });
  await em.flush();
  const of = async (format: string) => (await browser.get(`/admin/federation/lists/export/${format}`)).text;
  assert.equal(
    await of('mastodon-csv'),
    `#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\na.example,suspend,false,false,'=cmd|x,true\nb.example,silence,false,true,,false\n`,
  );
  assert.equal(await of('mastodon-allows'), '#domain\nc.example\n');
  assert.equal(await of('gotosocial-text'), 'a.example\n');
  assert.equal(await of('rapidblock-csv'), 'a.example\n');
  assert.match(await of('mastodon-json'), /"domain": "a\.\*+\.?[*a-z]*e"/);
  assert.match(await of('fediblockhole-json'), /"severity": "silence"/);
  for (const format of ['tessera-csv', 'fediblockhole-csv', 'gotosocial-json'])
    assert.doesNotMatch(await of(format), /secret/);
  const back = readList(await of('tessera-csv'), 'blocked');
  assert.equal(back.format, 'tessera-csv');
  assert.deepEqual(
    back.rows.map(
      (row) =>
        'rule' in row && [row.domain, row.rule.stance, row.rule.isLimited, row.rule.rejectsFiles, row.rule.forcedLevel],
    ),
    [
      ['a.example', 'blocked', false, false, null],
      ['b.example', null, true, false, null],
      ['d.example', null, false, true, 4],
    ],
  );
  assert.equal((await browser.get('/admin/federation/lists/export/none')).status, 404);
  assert.equal(writeList('gotosocial-text', []), '');
});

test('a subscription proposes what changes, and a retraction lifts only what that list had said', async (t) => {
  let text = 'bad.example\nworse.example\nmine.example\n';
  const server = createServer((_request, response) => response.end(text));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/list.csv`;
  const { em, ada, node, workAs, policies, browser, clock } = await staffed(t, {
    env: { FEDERATION_PRIVATE_ADDRESSES: 'true' },
  });
  em.create(DomainPolicy, { host: 'mine.example', stance: 'blocked', since: NOW }, { persist: true });
  await em.flush();
  const boss = async () => em.fork().findOneOrFail(Account, ada.id);
  const list = await addList(workAs(await boss()), node.federation, ListForm.parse({ name: 'L', url }), null);
  const drafts = async () =>
    (await em.fork().find(PolicyDraft, {}, { orderBy: { host: 'asc' } })).map(({ host, act }) => [host, act]);
  assert.deepEqual(await drafts(), [
    ['bad.example', 'set'],
    ['worse.example', 'set'],
  ]);
  await browser.post(`/admin/federation/lists/${list.id}/acceptance`, {});
  text = 'worse.example\nnew.example\n';
  clock.pass(25 * 3_600_000);
  await renewList(workAs(null), node.federation, list.id);
  assert.deepEqual(await drafts(), [
    ['bad.example', 'lift'],
    ['new.example', 'set'],
  ]);
  assert.equal((await policies()).filter(({ stance }) => stance === 'blocked').length, 3, 'a draft lifts nothing');
  await browser.post(`/admin/federation/lists/${list.id}/acceptance`, {});
  const stances = Object.fromEntries((await policies()).map(({ host, stance }) => [host, stance]));
  assert.deepEqual(stances, {
    'bad.example': null,
    'mine.example': 'blocked',
    'new.example': 'blocked',
    'worse.example': 'blocked',
  });
  text = '<html>gone</html>';
  await renewList(workAs(null), node.federation, list.id);
  assert.match((await em.fork().findOneOrFail(BlockList, list.id)).lastError, /web page/);
  assert.equal(await em.fork().count(PolicyDraft), 0);
});

test('lists are for who manages federation alone', async (t) => {
  const { other } = await staffed(t);
  const bea = await other('bea');
  assert.equal((await bea.browser.get('/admin/federation/lists')).status, 403);
  assert.equal((await bea.browser.get('/admin/federation/lists/export/mastodon-csv')).status, 403);
});
