import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Block } from '../../src/accounts/model.ts';
import { readLineage } from '../../src/catalogue/files/detect-training.ts';
import { recordMade } from '../../src/catalogue/lineage/made.ts';
import {
  effectiveTerms,
  forbidsDeriving,
  forbidsGenerating,
  forbidsSharing,
  type Licensed,
} from '../../src/catalogue/lineage/terms.ts';
import { LINEAGE_BASES, LINEAGE_KINDS, Lineage, type Model, type ModelVersion } from '../../src/catalogue/model.ts';
import { judgeClosure, judgeDeriving } from '../../src/compute/gates/closure.ts';
import { loadClosure } from '../../src/compute/gates/load-closure.ts';
import { newId } from '../../src/kit/ids.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenFile, givenModel, givenVersion, NOW } from '../factories/content.ts';
import { testNode } from '../node.ts';

const licensed = (given: Partial<Licensed>): Licensed => ({
  isDeriveBarred: false,
  isSaleBarred: false,
  ...{ versionId: 1, modelId: 1, ownerId: 1, name: 'It', href: '/it', uses: ['Image', 'Sell'] },
  ...{ allowNoCredit: true, allowDerivatives: true, allowDifferentLicense: true, forbidsGeneration: false },
  ...given,
});

test('the strictest word of the line holds, and it is said whose it is', () => {
  const own = licensed({});
  const strict = licensed({
    ...{ versionId: 2, ownerId: 2, name: 'Strict', uses: ['Image'], allowNoCredit: false, allowDerivatives: false },
    ...{ allowDifferentLicense: false, forbidsGeneration: true },
  });
  const { terms, conflicts } = effectiveTerms(own, [licensed({ versionId: 3, ownerId: 3 }), strict]);
  assert.deepEqual(terms, {
    ...{ allowNoCredit: false, allowDerivatives: false, allowDifferentLicense: false, forbidsGeneration: true },
    uses: ['Image'],
  });
  assert.deepEqual(
    conflicts.map(({ kind, uses, by }) => [kind, uses.join(), by.name]),
    [
      ['derivatives', '', 'Strict'],
      ['generation', '', 'Strict'],
      ['uses', 'Sell', 'Strict'],
      ['credit', '', 'Strict'],
      ['different', '', 'Strict'],
    ],
  );
  // what says the same as its parent is no conflict, but for what may not be shared at all
  assert.deepEqual(
    effectiveTerms({ ...strict, ownerId: 1 }, [strict]).conflicts.map(({ kind }) => kind),
    ['derivatives'],
  );
  // an author grants themselves more
  assert.deepEqual(effectiveTerms(own, [{ ...strict, ownerId: 1 }]), {
    terms: effectiveTerms(own, []).terms,
    conflicts: [],
  });
  const line = [own, strict];
  assert.deepEqual([forbidsGenerating(line, 1)?.name, forbidsGenerating(line, 2)], ['Strict', null]);
  assert.deepEqual([forbidsDeriving(line, 5)?.name, forbidsDeriving([strict], 2)], ['Strict', null]);
  assert.deepEqual(
    [0, 1, 2, 5].map((person) => forbidsSharing(own, [strict], person)?.name ?? null),
    ['Strict', null, null, 'Strict'],
  );
});

test('parents are read from the records of merges, by hash', () => {
  const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
  const models = { [a]: { name: '/home/me/first.safetensors', sd_merge_recipe: null }, [b]: { name: 'second' }, c: 7 };
  const found = readLineage(
    new Map([
      ['sd_merge_models', JSON.stringify(models)],
      ['modelspec.merged_from', 'first, second'],
    ]),
  );
  assert.deepEqual(
    found.map(({ value: { kind, name, hash } }) => [kind, name, hash]),
    [
      ['merged_from', 'first.safetensors', a],
      ['merged_from', 'second', b],
    ],
  );
  for (const broken of ['', '[', '7', '{"x":', '{"__proto__": 1}'])
    assert.deepEqual(readLineage(new Map([['sd_merge_models', broken]])), []);
});

/** Base by Ann ← middle by Bob ← merge by Cara; Base forbids much. */
async function family(t: TestContext) {
  const site = await testNode(t);
  const { em, node } = site;
  const [ann, bob, cara, dan] = [
    await givenMember(em, 'ann'),
    await givenMember(em, 'bob'),
    await givenMember(em, 'cara'),
    await givenMember(em, 'dan'),
  ];
  const stored = await node.files.put(Buffer.from('weights'));
  const make = (owner: typeof ann, name: string, more: Partial<Model> = {}) => {
    const model = givenModel(em, { owner, name, type: 'Checkpoint', ...more } as never);
    const version = givenVersion(em, { model });
    const file = givenFile(em, { version, sha256: stored.sha256, totalBytes: stored.totalBytes });
    return { model, version, file };
  };
  const base = make(ann, 'Base', { allowDerivatives: false, forbidsGeneration: true, allowNoCredit: false });
  const middle = make(bob, 'Middle');
  const merge = make(cara, 'Merge', { allowCommercialUse: ['Image'] });
  await em.flush();
  const edge = (child: ModelVersion, parent: ModelVersion | null, more: Partial<Lineage> = {}) =>
    em.create(
      Lineage,
      { id: newId(), child, parent, kind: LINEAGE_KINDS[1], parentName: '', basis: LINEAGE_BASES[1], ...more } as never,
      { persist: true },
    );
  edge(middle.version, base.version);
  edge(merge.version, middle.version, { weight: 0.5, basis: 'file' });
  edge(merge.version, null, { parentName: '<b>a file</b>', basis: 'file' });
  await em.flush();
  const address = await site.start('web');
  const as = async (name: string) => {
    const browser = new Browser(address);
    await browser.signIn(name);
    return browser;
  };
  return { ...site, ann, bob, cara, dan, base, middle, merge, edge, as, visitor: new Browser(address) };
}

test('the page of a merge draws its line, says which parent forbids what, and hands it to nobody but its owner', async (t) => {
  const its = await family(t);
  const { base, middle, merge, visitor, as, em } = its;
  const page = (await visitor.get(`/models/${merge.model.id}`)).text;
  const words = textOf(page);
  assert.match(words, /merged from Middle v1\.0 × 0\.5 claimed by the file/);
  assert.match(words, /2 steps away · merged from Base v1\.0/);
  assert.match(words, /Base v1\.0 does not let merges or fine-tunes of it be shared/);
  assert.match(words, /Base v1\.0 is not for generating on a node/);
  assert.match(words, /Middle v1\.0 does not let others sell pictures made with it/);
  assert.match(
    words,
    /Do not share merges or fine-tunes of it\.[\s\S]*Not for commercial use\.[\s\S]*Not for generating on a node\./,
  );
  assert.match(page, /<svg[^>]*focusable="false"[\s\S]*<path[^>]*stroke-dasharray/);
  // the drawing says which way each goes
  const drawing = (text: string) => textOf(/<svg[^>]*focusable="false"[\s\S]*?<\/svg>/.exec(text)?.[0] ?? '');
  assert.match(drawing(page), /Base v1\.0 merged into one below .*Middle v1\.0 merged into this .*this model/);
  const below = drawing((await visitor.get(`/models/${base.model.id}`)).text);
  assert.match(below, /this model .*Middle v1\.0 merged from this .*Merge v1\.0 merged from one above/);
  assert.match(page, /&lt;b&gt;a file/);
  assert.doesNotMatch(page, /<b>a file|Download ·|class="button primary" href="\/api\/download/);
  assert.match(
    textOf((await visitor.get(`/models/${base.model.id}`)).text),
    /2 steps away · Merge v1\.0 merged from one above/,
  );
  const [cara, dan, ann, bob] = [await as('cara'), await as('dan'), await as('ann'), await as('bob')];
  assert.match(textOf((await cara.get(`/versions/${merge.version.id}/edit`)).text), /Base v1\.0 is not for generating/);
  const download = `/api/download/models/${merge.version.id}`;
  const statuses = [];
  for (const who of [visitor, dan, bob, cara, ann]) statuses.push((await who.get(download)).status);
  // Bob's own terms are not what forbids it; Ann's are, and she may have what was made from hers
  assert.deepEqual(statuses, [403, 403, 403, 200, 200]);
  assert.match((await dan.get(download)).text, /made from Base v1\.0, whose author/);
  // the gates of generating and of making more of it
  const file = {
    sha256: merge.file.sha256,
    fileId: merge.file.id,
    versionId: merge.version.id,
    name: 'm',
    title: 'Merge',
  };
  const judged = async (personId: number) => {
    const resources = await loadClosure(em.fork(), { id: personId, permissions: 0 }, [file], NOW);
    return [judgeClosure(resources, false).refusal, judgeDeriving(resources)].map(
      (one) => one && [one.reason, one.parent],
    );
  };
  assert.deepEqual(await judged(its.dan.id), [
    ['resource-licence-parent', 'Base v1.0'],
    ['resource-derivatives-parent', 'Base v1.0'],
  ]);
  assert.deepEqual(await judged(its.ann.id), [null, null]);
  const own = { ...file, fileId: base.file.id, versionId: base.version.id, title: 'Base' };
  const direct = judgeDeriving(await loadClosure(em.fork(), { id: its.dan.id, permissions: 0 }, [own], NOW));
  assert.deepEqual([direct?.reason, direct?.name], ['resource-derivatives', 'Base']);
  assert.deepEqual(judgeDeriving(await loadClosure(em.fork(), { id: its.ann.id, permissions: 0 }, [own], NOW)), null);
  assert.equal((await visitor.get(`/api/download/models/${middle.version.id}`)).status, 403);
});

test('who is not shown in lists is not named in a line, and a hash that somebody claims binds nobody', async (t) => {
  const its = await family(t);
  const { base, middle, merge, visitor, as, em, edge } = its;
  // Dan blocks Bob: what is Bob's is not told to him, nor what lies behind it
  em.create(Block, { id: newId(), account: its.dan, target: its.bob, kind: 'mute', createdAt: new Date() } as never, {
    persist: true,
  });
  // an explicit child, and a draft
  const loud = givenVersion(em, { model: givenModel(em, { owner: its.cara, name: 'Loud', level: 16 }) });
  const draft = givenVersion(em, {
    model: givenModel(em, { owner: its.cara, name: 'Draft', state: 'draft', listedAt: null }),
    state: 'draft',
  });
  // a peer says that the file of Free is its own, and forbids everything
  const free = givenVersion(em, { model: givenModel(em, { owner: its.bob, name: 'Free' }) });
  const freeFile = givenFile(em, { version: free });
  const peer = givenAccount(em, { name: 'peer', host: 'p.example' });
  const claim = givenVersion(em, {
    model: givenModel(em, {
      owner: peer,
      name: 'Claim',
      allowDerivatives: false,
      isLocal: false,
      uri: 'https://p.example/m',
    }),
    uri: 'https://p.example/v',
  });
  givenFile(em, { version: claim, sha256: freeFile.sha256, isStored: false });
  const child = givenVersion(em, { model: givenModel(em, { owner: its.cara, name: 'Child of Free' }) });
  await em.flush();
  edge(loud, base.version);
  edge(draft, base.version);
  edge(child, null, { parentHash: freeFile.sha256 });
  await em.flush();
  const dan = textOf((await (await as('dan')).get(`/models/${merge.model.id}`)).text);
  assert.match(dan, /merged from A model that is not public/);
  const drawn = dan.slice(dan.indexOf('Lineage'));
  assert.doesNotMatch(drawn.slice(0, drawn.indexOf('Details')), /Middle|2 steps away/);
  const seen = textOf((await visitor.get(`/models/${base.model.id}`)).text);
  assert.match(seen, /Middle v1\.0 merged from this/);
  assert.doesNotMatch(seen, /Loud|Draft/);
  const page = textOf((await visitor.get(`/models/${child.model.id}`)).text);
  assert.match(page, /merged from Free v1\.0/);
  assert.doesNotMatch(page, /Claim v1\.0|grants less/);
  assert.match(textOf((await visitor.get(`/models/${free.model.id}`)).text), /Child of Free v1\.0 merged from this/);
  // what the node made is no field of the form, and saving the form keeps it
  await recordMade(em.fork(), merge.version.id, [
    { kind: 'merged_from', versionId: middle.version.id, sha256: 'c'.repeat(64), title: 'Middle', weight: 0.4 },
  ]);
  const cara = await as('cara');
  assert.match(textOf((await cara.get(`/versions/${merge.version.id}/edit`)).text), /made on this node/);
  await cara.post(`/versions/${merge.version.id}/draft`, {
    name: 'Merge',
    type: 'Checkpoint',
    versionName: 'v1.0',
    baseModel: 'SD 1.5',
    level: '1',
    act: 'save',
  });
  const left = await em.fork().find(Lineage, { child: merge.version.id });
  assert.deepEqual(
    left.map(({ basis }) => basis),
    ['made'],
  );
});
