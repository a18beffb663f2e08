import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { loadKeyPair } from '../../src/federation/actors/keys.ts';
import { ActorKeyPair, NODE_ACTOR } from '../../src/federation/model.ts';
import { Post } from '../../src/gallery/model.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { Browser } from '../accounts/browser.ts';
import { publisher } from '../catalogue/publisher.ts';
import { givenModel, givenVersion } from '../factories/content.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { painter, picture, sendFiles } from '../gallery/painter.ts';
import { PROGRAM } from '../program.ts';
import { drawn } from '../safety/drawings.ts';

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command in a process of its own, as an operator runs it. */
function command(dataDir: string, args: readonly string[], env: Record<string, string> = {}): Promise<Answer> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [PROGRAM, ...args],
      {
        env: {
          PATH: process.env.PATH,
          DATA_DIR: dataDir,
          ENGINE: 'none',
          MIN_FREE_MB: '0',
          SECRET_KEY: 'a-secret-for-tests-of-at-least-32-characters',
          ...env,
        },
      },
      (error, stdout, stderr) => done({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    );
  });
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tessera-cli-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

// the commands would look into a SQLite of their own
const options = { skip: process.env.TEST_DATABASE_URL ? 'commands share a SQLite file with the node here' : false };

test('beside a running node a command makes an account that can sign in, and gives it roles', options, async (t) => {
  const { node, address, em } = await publisher(t);
  const made = await command(node.dataDir, [
    ...['account', 'create', '--name', 'Vera', '--email', 'vera@example.org'],
    ...['--password', 'four words are a password', '--role', 'moderator', '--json'],
  ]);
  assert.equal(made.code, 0, made.stderr);
  const answer = JSON.parse(made.stdout);
  assert.deepEqual([answer.name, answer.role, answer.password], ['vera', 'moderator', 'four words are a password']);
  const browser = new Browser(address);
  await browser.post('/sign-in', { name: 'vera', password: 'four words are a password' });
  assert.equal((await browser.get('/settings/profile')).status, 200);

  const role = await command(node.dataDir, ['account', 'role', '--name', 'vera', '--role', 'admin']);
  assert.deepEqual([role.code, role.stdout], [0, '@vera is admin now.\n']);
  assert.equal((await em.fork().findOneOrFail(Account, { name: 'vera' })).role, 'admin');

  const reset = await command(node.dataDir, ['account', 'reset-password', '--name', 'vera', '--json']);
  const { password } = JSON.parse(reset.stdout);
  assert.equal((await browser.get('/settings/profile')).status, 302, 'the sessions have ended');
  const again = new Browser(address);
  await again.post('/sign-in', { name: 'vera', password });
  assert.equal((await again.get('/settings/profile')).status, 200);
});

test('a token made by command speaks for its account', options, async (t) => {
  const { node, address } = await publisher(t);
  const { code, stdout } = await command(node.dataDir, [
    ...['token', 'create', '--account', 'ada', '--scopes', 'write:models,write:images', '--json'],
  ]);
  assert.equal(code, 0);
  const { token } = JSON.parse(stdout);
  const ask = (authorization: string) =>
    fetch(new URL('/upload', address), { headers: { authorization, accept: 'application/json' }, redirect: 'manual' });
  assert.equal((await ask(`Bearer ${token}`)).status, 200);
  assert.equal((await ask(`Bearer ${token}x`)).status, 401);
});

test('a wrong argument gives a line that says so and never a stack', options, async (t) => {
  const dataDir = await folder(t);
  const cases: [string[], RegExp][] = [
    [['restore', join(dataDir, 'nothing')], /There is no whole backup/],
    [['fly'], /unknown command 'fly'/],
    [['account', 'create', '--name', 'x'], /required option '--email/],
    [['account', 'create', '--name', '!', '--email', 'a@example.org'], /name: Two to thirty letters/],
    [['account', 'create', '--name', 'abc', '--email', 'a@b.org', '--role', 'king'], /There is no role king/],
    [['account', 'role', '--name', 'nobody', '--role', 'admin'], /There is no account nobody/],
    [['token', 'create', '--account', 'nobody'], /There is no account nobody/],
    [['token', 'create', '--account', 'nobody', '--scopes', 'fly'], /There is no such scope/],
    [['demo', '--port', 'x'], /--port: a number/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr, stdout } = await command(dataDir, args);
    assert.ok(code === 1 || code === 2, `${args.join(' ')} ended with ${code}`);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr + stdout, /^ {4}at /m);
  }
  const asJson = await command(dataDir, ['account', 'role', '--name', 'nobody', '--role', 'admin', '--json']);
  assert.deepEqual(JSON.parse(asJson.stdout), { error: 'There is no account nobody here.' });
});

test('mistakes in the settings come in one list, before anything is touched', options, async (t) => {
  const dataDir = await folder(t);
  const { code, stderr } = await command(dataDir, ['migrate'], { PORT: 'abc', ENGINE: 'steam', SECRET_KEY: '' });
  assert.notEqual(code, 0);
  assert.match(stderr, /PORT:/);
  assert.match(stderr, /ENGINE:/);
  assert.doesNotMatch(stderr, /^ {4}at /m);
  assert.deepEqual(await readdir(dataDir), []);
});

test('the doctor looks at every part of a running node', options, async (t) => {
  const { node } = await publisher(t);
  const { code, stdout } = await command(node.dataDir, ['doctor', '--json']);
  const { findings, ok } = JSON.parse(stdout);
  assert.deepEqual([code, ok], [0, true]);
  assert.deepEqual(
    findings.map(({ name }: { name: string }) => name),
    ['address', 'database', 'storage', 'queue', 'clock', 'mail', 'engine', 'machine'],
  );
  const full = await command(node.dataDir, ['doctor'], { MIN_FREE_MB: '10000000' });
  assert.equal(full.code, 1);
  assert.match(full.stdout, /BAD {3}storage +There is less free space/);
});

test('a backup beside a running node is restored whole, and a damaged one is refused', options, async (t) => {
  const { node, ada, em, give, settle } = await publisher(t);
  const version = givenVersion(em, { model: givenModel(em, { owner: ada, name: 'Brass' }) });
  await em.flush();
  await give(version.id, kohyaLoraSd1(), 'brass.safetensors');
  await settle();
  const base = await folder(t);
  const [backup, restored] = [join(base, 'backup'), join(base, 'restored')];
  const first = await command(node.dataDir, ['backup', backup, '--json']);
  assert.equal(first.code, 0, first.stderr);
  const report = JSON.parse(first.stdout);
  assert.ok(report.newBlobCount > 0);
  const second = await command(node.dataDir, ['backup', backup, '--json']);
  assert.deepEqual([JSON.parse(second.stdout).newBlobCount, second.code], [0, 0]);

  const whole = await command(node.dataDir, ['backup', 'verify', backup]);
  assert.deepEqual([whole.code, /is whole: \d+ files\./.test(whole.stdout)], [0, true]);

  const there = await command(restored, ['restore', backup]);
  assert.equal(there.code, 0, there.stderr);
  assert.match(there.stdout, /Restored the database of .* and \d+ files\./);
  const same = await command(restored, ['account', 'role', '--name', 'ada', '--role', 'admin']);
  assert.deepEqual([same.code, same.stdout], [0, '@ada is admin now.\n']);
  const over = await command(restored, ['restore', backup]);
  assert.match(over.stderr, /There is a node in/);
  assert.equal((await command(restored, ['restore', backup, '--force'])).code, 0);
  assert.match(
    (await command(restored, ['account', 'role', '--name', 'ada', '--role', 'member'])).stdout,
    /member now/,
  );
  // the node that is running keeps its database
  const running = await command(node.dataDir, ['restore', backup, '--force']);
  assert.deepEqual([running.code, /A node is running on .*\. Stop it first\./.test(running.stderr)], [1, true]);

  const [group = ''] = await readdir(join(backup, 'files'));
  const [name = ''] = await readdir(join(backup, 'files', group));
  const bytes = await readFile(join(backup, 'files', group, name));
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  await writeFile(join(backup, 'files', group, name), bytes);
  const found = await command(node.dataDir, ['backup', 'verify', backup, '--json']);
  assert.deepEqual([found.code, JSON.parse(found.stdout).damaged], [1, [join('files', group, name)]]);
  await mkdir(join(base, 'third'));
  const damaged = await command(join(base, 'third'), ['restore', backup]);
  assert.equal(damaged.code, 1);
  assert.match(damaged.stderr, /is damaged/);
  assert.ok(!(await readdir(join(base, 'third'))).includes('tessera.sqlite'));
});

test('keys are made anew for one account, for the node, or for all that have some', options, async (t) => {
  const { node, em, ada } = await publisher(t);
  await loadKeyPair(node.federation, em.fork(), ada.id);
  await loadKeyPair(node.federation, em.fork(), NODE_ACTOR);
  const pem = async (id: number) => (await em.fork().findOneOrFail(ActorKeyPair, id)).rsaPublicPem;
  const before = [await pem(ada.id), await pem(NODE_ACTOR)];
  const one = await command(node.dataDir, ['keys', 'rotate', '--account', ada.name, '--json']);
  assert.deepEqual(JSON.parse(one.stdout), { rotated: [`@${ada.name}`] });
  assert.notEqual(await pem(ada.id), before[0]);
  assert.equal(await pem(NODE_ACTOR), before[1]);
  const all = await command(node.dataDir, ['keys', 'rotate', '--all']);
  assert.equal(all.stdout, `New keys for the node.\nNew keys for @${ada.name}.\n`);
  assert.notEqual(await pem(NODE_ACTOR), before[1]);
  const none = await command(node.dataDir, ['keys', 'rotate', '--node', '--all']);
  assert.deepEqual([none.code, none.stderr], [1, 'Say one of --account NAME, --node and --all.\n']);
});

test(
  'hashes are blocked, listed and lifted beside a running node, which refuses the picture at once',
  options,
  async (t) => {
    const its = await painter(t);
    const path = join(await folder(t), 'banned.png');
    const bytes = await drawn(91);
    await writeFile(path, bytes);
    const { dataDir } = its.node;
    const added = await command(dataDir, ['hashes', 'add', '--file', path, '--category', 'ncii', '--json']);
    assert.equal(added.code, 0, added.stderr);
    const kinds = (JSON.parse(added.stdout) as { kind: string; isSevere: boolean }[]).map(({ kind }) => kind);
    assert.deepEqual(kinds, ['file', 'picture']);
    assert.equal((await sendFiles(its.browser, '/upload/images', [{ bytes, name: 'a.png' }])).status, 451);

    const list = JSON.parse((await command(dataDir, ['hashes', 'list', '--json'])).stdout) as { id: string }[];
    for (const { id } of list) assert.equal((await command(dataDir, ['hashes', 'lift', id])).code, 0);
    assert.equal((await sendFiles(its.browser, '/upload/images', [{ bytes, name: 'a.png' }])).status, 302);

    const text = join(await folder(t), 'hashes.txt');
    await writeFile(text, `# from a partner\n${'ab'.repeat(32)},100\n\n${'cd'.repeat(32)}\n`);
    const imported = await command(dataDir, ['hashes', 'import', text, '--category', 'copyright']);
    assert.match(imported.stdout, /2 hashes are blocked/);
    const both = await command(dataDir, ['hashes', 'add', '--sha256', 'x', '--pdq', 'y', '--category', 'other']);
    assert.deepEqual([both.code, both.stderr.trim().slice(0, 10)], [1, 'Say one of']);
  },
);
test('audit verify says that the log is whole, and ends with 1 when a row was edited', options, async (t) => {
  const { node, em } = await publisher(t);
  await command(node.dataDir, ['account', 'role', '--name', 'ada', '--role', 'moderator']);
  const whole = await command(node.dataDir, ['audit', 'verify', '--json']);
  assert.equal(whole.code, 0, whole.stderr);
  const report = JSON.parse(whole.stdout);
  assert.deepEqual([report.isWhole, report.entryCount, report.faults], [true, 1, []]);
  const [entry] = await em.fork().find(AuditEntry, {});
  assert.deepEqual([entry?.action, entry?.actorRole], ['account.role', 'operator']);

  await rows(em.fork(), `update audit_entry set subject_id = '999' where seq = 1 returning seq`);
  const broken = await command(node.dataDir, ['audit', 'verify']);
  assert.equal(broken.code, 1);
  assert.match(broken.stdout, /was changed:\nrow 1 was changed/);
});

test('credits are given by a command, and added up by another that finds what is off', options, async (t) => {
  const { node, em, ada } = await publisher(t);
  const grant = ['credits', 'grant', '@ada', '250', '--json'];
  assert.equal((await command(node.dataDir, grant)).code, 1, 'without a reason');
  const given = await command(node.dataDir, [...grant, '--reason', 'For helping']);
  assert.deepEqual([given.code, JSON.parse(given.stdout)], [0, { name: 'ada', balance: 250, amount: 250 }]);
  const entry = await em.fork().findOneOrFail(AuditEntry, { action: 'credits.grant' });
  assert.deepEqual([entry.actorRole, entry.subjectId, entry.reason], ['operator', String(ada.id), 'For helping']);
  const nobody = await command(node.dataDir, ['credits', 'grant', 'nobody', '5', '--reason', 'x']);
  assert.deepEqual([nobody.code, nobody.stderr.trim()], [1, 'There is nobody of that name here.']);

  const whole = await command(node.dataDir, ['credits', 'verify']);
  assert.deepEqual(
    [whole.code, whole.stdout.trim()],
    [0, 'The ledger adds up: 1 acts on 2 accounts, 250 credits given out.'],
  );
  await rows(em.fork(), `update credit_account set balance = 999 where kind = 'person' returning id`);
  const off = await command(node.dataDir, ['credits', 'verify', '--json']);
  const report = JSON.parse(off.stdout) as { isWhole: boolean; faults: string[] };
  assert.deepEqual([off.code, report.isWhole], [1, false]);
  assert.match(report.faults.join(), /says 999 and has entries of 250/);
});

test('a folder of this machine comes in by a command, as drafts of an account', options, async (t) => {
  const { node, ada, em } = await publisher(t);
  const root = await folder(t);
  await writeFile(join(root, 'sea.png'), await picture());
  const made = await command(node.dataDir, ['import', 'pictures', root, '--account', '@ada', '--json']);
  assert.equal(made.code, 0, made.stderr);
  const { items } = JSON.parse(made.stdout);
  assert.deepEqual([items.length, items[0]?.kind, items[0]?.state], [1, 'post', 'done']);
  const post = await em.fork().findOneOrFail(Post, { owner: ada.id });
  assert.deepEqual([post.state, items[0]?.path], ['draft', `/posts/${post.id}/edit`]);
});
