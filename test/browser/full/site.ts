import { Credential } from '../../../src/accounts/access/model.ts';
import { seal, sign } from '../../../src/accounts/access/secrets.ts';
import { newId } from '../../../src/kit/ids.ts';
import { mailedSecret } from '../../accounts/browser.ts';
import type { Studio } from '../../compute/studio.ts';
import { givenMember } from '../../factories/accounts.ts';
import { fillSite } from '../site.ts';
import { fillDesk } from './desk.ts';
import { NAMES, type Name, type People, type Peopled, Person } from './people.ts';
import { fillCollections, fillTalk } from './talk.ts';
import { fillSettings, fillTools } from './tools.ts';
import { fillRights, fillTrade } from './trade.ts';

type Filled<Fill extends (...given: never[]) => Promise<object>> = Awaited<ReturnType<Fill>>;

export interface FullSite
  extends Peopled,
    Filled<typeof fillTalk>,
    Filled<typeof fillCollections>,
    Filled<typeof fillTools>,
    Filled<typeof fillTrade>,
    Filled<typeof fillRights>,
    Filled<typeof fillSettings>,
    Filled<typeof fillDesk> {
  readonly people: People;
  /** Signed in by password, and not yet by a code. */
  readonly halfway: Person;
  readonly resetToken: string;
  /** What the link of a mail says of whom it stops. */
  readonly unsubscribeKey: string;
}

/** A site where something stands on every page, made as people and programs make it. */
export async function fillFullSite(studio: Studio): Promise<FullSite> {
  const { em, address, settle, node } = studio;
  const filled = await fillSite(studio, { postCount: 4, ada: studio.ada });
  const site: Peopled = {
    ...filled,
    cyd: await givenMember(em, 'cyd'),
    jo: await givenMember(em, 'jo'),
    rita: await givenMember(em, 'rita'),
    mia: await givenMember(em, 'mia', { role: 'moderator' }),
  };
  const people = {} as Record<Name, Person>;
  for (const name of NAMES) people[name] = await Person.signedIn(address, name);
  const given = { test: studio, site, people };
  const talk = await fillTalk(given);
  const collections = await fillCollections(given);
  const tools = await fillTools({ studio, people });
  const trade = await fillTrade(given);
  const rights = await fillRights(given);
  const settings = await fillSettings({ studio, site, people });
  const desk = await fillDesk({ test: studio, address, site, people });
  const halfway = await givenHalfway(studio);
  const visitor = new Person(address, 'visitor');
  await visitor.send('/password/forgotten', { name: 'cyd' });
  await settle();
  return {
    ...site,
    ...talk,
    ...collections,
    ...tools,
    ...trade,
    ...rights,
    ...settings,
    ...desk,
    ...{ people, halfway, resetToken: await mailedSecret(studio, 'cyd@example.org') },
    unsubscribeKey: sign(node.secretKey, 'unsubscribe from mail', String(site.ada.id)),
  };
}

async function givenHalfway({ em, address, node, clock }: Studio): Promise<Person> {
  const { id: account } = await givenMember(em, 'tom');
  const secret = seal(node.secretKey, 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP');
  const at = { confirmedAt: clock.now(), createdAt: clock.now() };
  await em.fork().insert(Credential, { id: newId(), account, kind: 'totp', secret, transports: [], ...at });
  const tom = new Person(address, 'tom');
  await tom.browser.signIn('tom');
  return tom;
}
