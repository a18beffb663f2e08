import { Image } from '../../../src/gallery/model.ts';
import { executeDecision } from '../../../src/moderation/queue/execute.ts';
import { QueueDecision } from '../../../src/moderation/queue/model.ts';
import { TakedownTrace } from '../../../src/moderation/takedown/trace.ts';
import { claimsDeskOf } from '../../moderation/cases/desk.ts';
import { deskOf } from '../../moderation/desk.ts';
import { carryOut } from '../../moderation/takedowns.ts';
import type { TestNode } from '../../node.ts';
import { idIn, type People, type Peopled } from './people.ts';

interface Given {
  readonly test: TestNode;
  readonly address: URL;
  readonly site: Peopled;
  readonly people: People;
}

/** A report that waits, one that was decided with a statement for Ada, a claim, a picture in the vault, a list of hosts. */
export async function fillDesk({ test, address, site, people: { olga } }: Given) {
  const { ben, mia, post, model } = site;
  const { report, rowOf, lockAndDecide } = deskOf(test);
  const { node, em, workAs } = test;
  const pictureOf = (title: string) => em.fork().findOneOrFail(Image, { post: { title } });
  const [withheld, removed] = [await pictureOf('Study 1'), await pictureOf('Study 2')];
  const words = { text: 'It is an advertisement.', link: 'https://shop.example/' };
  for (const image of [withheld, { id: post.imageIds[1] ?? 0 }]) await report(ben, 'image', image, words);
  const { decisionId } = await lockAndDecide(mia, await rowOf('image', withheld), 'withhold', { strike: '1' });
  await executeDecision(workAs(null), node.desks, decisionId);
  const { id: rowId } = await rowOf('image', { id: post.imageIds[1] ?? 0 });
  await carryOut(test, { target: { kind: 'image', id: removed.id }, outcome: 'remove' });
  const { id: vaultId } = await em.fork().findOneOrFail(TakedownTrace, {
    ...{ kind: 'image', subjectId: String(removed.id) },
  });
  const claim = await claimsDeskOf(test, address).fileConfirmed('style', `/models/${model.id}`);
  const { takedownId } = await em.fork().findOneOrFail(QueueDecision, decisionId);
  const policy = { host: 'far.example', stance: 'blocked', note: 'Nothing but shops.', days: '' };
  await olga.send('/admin/federation/policy', policy);
  const list = new FormData();
  for (const [name, value] of Object.entries({ name: 'Ours', format: 'text', url: '' })) list.append(name, value);
  list.append('file', new Blob(['bad.example\nworse.example\ngithub.io']), 'hosts.txt');
  const hostListId = idIn((await olga.browser.postForm('/admin/federation/lists', list)).location);
  return { hostListId, rowId, decisionId, vaultId, takedownId, claim };
}
