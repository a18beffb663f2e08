import { publishVersion } from '../../../src/catalogue/publish.ts';
import { BountyEntry } from '../../../src/economy/bounties/model.ts';
import { LicenceOffer } from '../../../src/economy/licences/model.ts';
import { Post } from '../../../src/gallery/model.ts';
import { newId } from '../../../src/kit/ids.ts';
import { ClaimCase } from '../../../src/moderation/cases/model/case.ts';
import { RightsOffer } from '../../../src/moderation/rights/model.ts';
import type { TestNode } from '../../node.ts';
import type { People, Peopled } from './people.ts';

const DAY_MS = 86_400_000;
const day = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);

interface Given {
  readonly test: TestNode;
  readonly site: Peopled;
  readonly people: People;
}

/** Tips, a version in early access, licences that are offered, asked for and granted, and two bounties. */
export async function fillTrade({ test, site, people: { ada, ben, cyd } }: Given) {
  const { model, post } = site;
  const em = () => test.node.orm.em.fork();
  const early = `/versions/${model.draftVersionId}/early-access`;
  await ada.send(early, { endsAt: `${day(5)}T12:00`, price: '40', followers: '1' });
  await publishVersion(test.workAs(site.ada), model.draftVersionId);
  await ben.send('/tips', { about: `image:${post.imageIds[0]}`, key: newId(), amount: '15', note: 'For the light.' });
  await ben.send('/tips', { about: `model:${model.id}`, key: newId(), amount: '5', note: '' });

  const terms = { text: 'Up to a hundred prints, signed.\n\nName me beside them.', revocation: 'If they are resold.' };
  const offer = async (title: string, more: Record<string, string | string[]>) => {
    await ada.send(`/licence-offers/model/${model.id}`, { title, ...terms, ...more });
    return (await em().findOneOrFail(LicenceOffer, { title })).id;
  };
  const printsId = await offer('Prints', { uses: ['commercial', 'personal'], forbids: 'Calendars.', days: '365' });
  const mergesId = await offer('Merges of it', { uses: ['merge'], priceCredits: '30' });
  const licenceId = await ben.make(`/licence-offers/${printsId}/grants`, {
    key: newId(),
    purpose: 'A poster',
    price: '',
  });
  await ada.send(`/licences/${licenceId}/decision`, { choice: 'grant', answer: 'Gladly.' });
  const askedId = await cyd.make(`/licence-offers/${printsId}/grants`, { key: newId(), purpose: 'A book', price: '' });
  await ben.send(`/licence-offers/${mergesId}/grants`, { key: newId(), purpose: '', price: '30' });

  const bounty = (title: string, more: Record<string, string> = {}) =>
    ben.make('/bounties', {
      ...{ key: newId(), title, kind: 'LoraCreation', mode: 'Individual', subject: 'fictional', tags: 'brass, fish' },
      ...{ text: 'Swimming, **please**: seen from the side, with light through the fins.', deadline: day(9) },
      ...{ baseModel: 'SDXL 1.0', amount: '60', references: `/images/${post.imageIds[0]}`, ...more },
    });
  const [bountyId, awardedId] = [await bounty('A brass fish'), await bounty('A style of wet paper', { mode: 'Split' })];
  const study = await em().findOneOrFail(Post, { title: 'Study 3' });
  const entry = {
    text: 'Here it is: **v2** has the fins.',
    model: `/versions/${model.versionId}/edit`,
    post: `/posts/${study.id}`,
  };
  for (const id of [bountyId, awardedId]) await ada.send(`/bounties/${id}/entries`, { key: newId(), ...entry });
  const entryOf = async (id: string) => (await em().findOneOrFail(BountyEntry, { bounty: id })).id;
  await ben.send(`/bounties/${awardedId}/entries/${await entryOf(awardedId)}/award`);
  return { printsId, mergesId, licenceId, askedId, bountyId, awardedId, entryId: await entryOf(bountyId) };
}

/** A claim that Rita won, the terms that she offers for what is hers, and who asked. */
export async function fillRights({ test, site, people: { ada, ben, rita } }: Given) {
  const em = () => test.node.orm.em.fork();
  const [caseId, at, number] = [newId(), new Date(), 'C-0123456789'];
  await em().insert(ClaimCase, {
    ...{ id: caseId, number, type: 'copyright', state: 'executed', origin: 'form', url: `/models/${site.model.id}` },
    ...{ answers: { work: 'The Ink Wash series' }, missing: [], filerId: site.rita.id, uploaderId: site.ada.id },
    ...{ targetKind: 'model', targetId: site.model.id, submittedAt: at, uploaderToldAt: at, executedAt: at },
    ...{ decidedAt: at, outcome: 'limit', parameters: { bits: 1 }, rule: '3', facts: 'It is hers.' },
    snapshot: { title: 'Ink', ownerName: 'ada', madeAt: null, hashes: [] },
  });
  await rita.send(`/rights/claims/${number}`, {
    ...{
      title: 'Fan models',
      covers: 'The Ink Wash series',
      uses: ['personal', 'merge'],
      text: 'Name me on the page of the model.',
      forbids: 'Shirts.',
    },
    ...{ revocation: 'If you do not name me.', noticeDays: '14' },
  });
  const { id: rightsOfferId } = await em().findOneOrFail(RightsOffer, { title: 'Fan models' });
  const ask = (who: typeof ada, purpose: string, modelId = '') =>
    who.make(`/rights/offers/${rightsOfferId}/grants`, { key: newId(), purpose, modelId, price: '' });
  const rightsLicenceId = await ask(ada, 'A model for fans', String(site.model.id));
  await rita.send(`/rights/licences/${rightsLicenceId}/decision`, { choice: 'grant', answer: 'With pleasure.' });
  const rightsAskedId = await ask(ben, 'Something that I plan');
  return { caseId, caseNumber: number, rightsOfferId, rightsLicenceId, rightsAskedId };
}
