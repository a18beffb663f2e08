import { CollectionEntry, CollectionMember } from '../../../src/gallery/collections/together/model.ts';
import { Contest } from '../../../src/gallery/contests/model.ts';
import { writeReview } from '../../../src/gallery/reviews/write.ts';
import { addComment } from '../../../src/gallery/talk/comments.ts';
import { givenModel, givenVersion } from '../../factories/content.ts';
import type { TestNode } from '../../node.ts';
import type { People, Peopled } from './people.ts';

const HOUR_MS = 3_600_000;

interface Given {
  readonly test: TestNode;
  readonly site: Peopled;
  readonly people: People;
}

/** What people say of Ada's things, whom and what they follow, and what they do not want to see. */
export async function fillTalk({ test, site, people }: Given) {
  const { ada, ben, model, post } = site;
  const [first = 0, second = 0] = post.imageIds;
  const { workAs } = test;
  const reviewId = await writeReview(workAs(ben), ben, model.versionId, {
    isRecommended: true,
    text: 'Wet edges without any trick. At 0.7 it keeps *faces* whole.',
  });
  const asked = await addComment(
    workAs(ben),
    ben,
    { kind: 'model', id: model.id },
    { text: 'Does it do colour, @ada?' },
  );
  await addComment(workAs(ada), ada, { kind: 'model', id: model.id }, { text: 'A little.', parentId: asked });
  const commentId = await addComment(workAs(ben), ben, { kind: 'image', id: first }, { text: 'The light!' });
  for (const path of [`/images/${first}`, `/images/${second}`, `/posts/${post.id}`, `/models/${model.id}`]) {
    for (const who of [people.ben, people.cyd]) await who.send(`${path}/likes`);
  }
  await people.ben.send(`/accounts/${ada.id}/follow`, { on: '1' });
  await people.ben.send(`/models/${model.id}/follow`, { on: '1' });
  await people.ben.send('/tags/circles/follow', { on: '1' });
  await people.ben.send('/hidden', { kind: 'tag', key: 'ink' });
  await people.ben.send('/hidden', { kind: 'domain', key: 'far.example' });
  await people.ada.send(`/models/${model.id}/pin`, { on: '1' });
  await people.ada.send('/searches', { name: 'Round things', kind: 'images', query: 'tag=circles', told: '1' });
  await people.ada.send('/searches', { name: 'May be sold', kind: 'models', query: 'may=sell&format=SafeTensor' });
  const text = 'Rings, discs and **dots**.\n\n- filled or not\n- seldom ellipses';
  await people.mia.send('/tags/circles/text', { text, from: '' });
  await people.mia.send('/tags/circles/synonyms', { word: 'rings' });
  return { reviewId, commentId };
}

/** A collection to which everybody brings things, and three contests: open, being judged, and with a result. */
export async function fillCollections({ test, site, people }: Given) {
  const { ada, ben, cyd, jo, mia } = people;
  const { model, post } = site;
  const [first = 0, second = 0, third = 0] = post.imageIds;
  const em = () => test.node.orm.em.fork();
  const entry = async (collection: number, thing: object) =>
    (await em().findOneOrFail(CollectionEntry, { collection, ...thing })).id;
  const accept = async (who: typeof jo, collection: number, account: string) => {
    const { id } = await em().findOneOrFail(CollectionMember, { collection, account: { name: account } });
    await who.send(`/collections/${collection}/people/${id}/acceptance`);
  };

  const words = { name: 'Ink', description: 'What *ink* can do.', visibility: 'public' };
  const shelfId = Number(await ben.make('/collections', { ...words, adders: 'anyone', intake: 'reviewed' }));
  const items = `/collections/${shelfId}/items`;
  for (const image of [first, second, third]) await ben.send(items, { image: String(image), on: '1' });
  await ada.send(items, { model: String(model.id), on: '1' });
  await jo.send(items, { post: String(post.id), on: '1' });
  const others = [
    givenModel(test.em, { owner: site.cyd, name: 'Brass Fish' }),
    givenModel(test.em, {
      owner: site.cyd,
      name: 'A model whose name is so long that it has to break somewhere, v2 final',
    }),
  ];
  for (const one of others) givenVersion(test.em, { model: one });
  await test.em.flush();
  const [fish, long] = others.map(({ id }) => id);
  for (const id of [fish, long]) await cyd.send(items, { model: String(id), on: '1' });
  await ben.send(`/collections/${shelfId}/review`, { entry: await entry(shelfId, { model: model.id }), to: 'in' });
  const refused = { entry: await entry(shelfId, { model: fish }), to: 'refused', reason: 'It is brass.' };
  await ben.send(`/collections/${shelfId}/review`, refused);
  await ben.send(`/collections/${shelfId}/people`, { name: 'jo', role: 'contributor' });
  await accept(jo, shelfId, 'jo');
  await ben.send(`/collections/${shelfId}/people`, { name: 'mia', role: 'manager' });
  await ada.send(`/collections/${shelfId}/refusals`, { image: String(third) });
  await cyd.send(`/collections/${shelfId}/follow`, { on: '1' });

  const at = (hours: number) => new Date(test.clock.now().getTime() + hours * HOUR_MS);
  const contest = async (name: string) => {
    const id = Number(await ben.make('/collections', { name, visibility: 'public' }));
    await ben.send(`/collections/${id}/contest`, {
      rules:
        'Use **ink**, and nothing but ink.\n\n1. Your own work\n2. No text in the picture\n\nThe first three get a chip on their profile.',
      opensAt: at(-30).toISOString().slice(0, 16),
      closesAt: at(50).toISOString().slice(0, 16),
      ...{ mostEntries: '3', who: 'anyone', intake: 'at-once', hasVotes: '1' },
    });
    await ben.send(`/collections/${id}/people`, { name: 'jo', role: 'judge' });
    await accept(jo, id, 'jo');
    for (const thing of [{ model: String(model.id) }, { image: String(first) }])
      await ada.send(`/collections/${id}/items`, { ...thing, on: '1' });
    await cyd.send(`/collections/${id}/items`, { model: String(fish), on: '1' });
    const entries = [
      await entry(id, { model: model.id }),
      await entry(id, { image: first }),
      await entry(id, { model: fish }),
    ];
    const [hers = '', light = '', brass = ''] = entries;
    await jo.send(`/collections/${id}/judging/${hers}`, { score: '9', note: 'Deep blacks, and the paper shows.' });
    await jo.send(`/collections/${id}/judging/${brass}`, { score: '4', note: '' });
    await mia.send(`/collections/${id}/entries/${hers}/vote`, { on: '1' });
    await mia.send(`/collections/${id}/entries/${light}/vote`, { on: '1' });
    return { id, hers, light };
  };
  const open = await contest('Ink month');
  const judging = await contest('Circles of winter, a contest with quite a long name');
  const ended = await contest('Last year');
  const closed = { opensAt: at(-90), closesAt: at(-2) };
  for (const { id } of [judging, ended]) await em().nativeUpdate(Contest, { collection: id }, closed);
  await ben.send(`/collections/${ended.id}/result/judged`);
  await ben.send(`/collections/${ended.id}/result`, {
    text: 'Close, and *well done* all.',
    'entry[]': [ended.hers, ended.light],
    'place[]': ['1', '2'],
    'award[]': ['Golden brush', ''],
  });
  return { shelfId, openId: open.id, judgingId: judging.id, endedId: ended.id };
}
