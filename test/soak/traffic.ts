import { ACTIVITY_JSON } from '../../src/federation/fetch-document.ts';
import { nextId, type Place, post, type StrangeActor, type Stranger, send } from '../federation/strangers.ts';

const PUBLIC = 'https://www.w3.org/ns/activitystreams#Public';

export interface Person {
  readonly actor: StrangeActor;
  readonly stranger: Stranger;
  likeId: string | null;
  /** Answers that are still there. */
  readonly notes: string[];
  /** The newest activity that was taken, to be sent again. */
  newest: object | null;
}

/** What the node said it would carry out, and what should have come of it. */
export class Ledger {
  readonly accepted = new Set<string>();
  comments = 0;
  hostile = 0;
  /** Answers that were not to be expected, at most a few of them. */
  readonly surprises: string[] = [];

  surprise(what: string): void {
    if (this.surprises.length < 20) this.surprises.push(what);
  }
}

type Act = (place: Place, person: Person, postUri: string, ledger: Ledger) => Promise<void>;

let serial = 0;

async function said(place: Place, person: Person, ledger: Ledger, activity: object): Promise<boolean> {
  const whole = { id: nextId(person.actor), ...activity };
  const status = await post(place, person.actor, whole);
  if (status !== 202) {
    ledger.surprise(`${(activity as { type: string }).type} was answered with ${status}`);
    return false;
  }
  ledger.accepted.add(whole.id);
  person.newest = whole;
  return true;
}

const noteOf = ({ actor }: Person, id: string, postUri: string, content: string) => ({
  ...{ id, type: 'Note', attributedTo: actor.id, to: [PUBLIC], inReplyTo: postUri, content },
  published: new Date().toISOString(),
});

const answer: Act = async (place, person, postUri, ledger) => {
  serial += 1;
  const id = `${person.stranger.origin}/notes/${serial}`;
  const note = noteOf(person, id, postUri, `<p>Answer ${serial}, at some length, as people write.</p>`);
  if (!(await said(place, person, ledger, { type: 'Create', to: [PUBLIC], object: note }))) return;
  person.notes.push(id);
  ledger.comments += 1;
};

const change: Act = async (place, person, postUri, ledger) => {
  const id = person.notes.at(-1);
  if (id === undefined) return answer(place, person, postUri, ledger);
  const object = { ...noteOf(person, id, postUri, '<p>Said better.</p>'), updated: new Date().toISOString() };
  await said(place, person, ledger, { type: 'Update', to: [PUBLIC], object });
};

const takeBack: Act = async (place, person, postUri, ledger) => {
  const id = person.notes.shift();
  if (id === undefined) return answer(place, person, postUri, ledger);
  if (await said(place, person, ledger, { type: 'Delete', object: { id, type: 'Tombstone' } })) ledger.comments -= 1;
};

const like: Act = async (place, person, postUri, ledger) => {
  const { likeId, actor } = person;
  if (likeId === null) {
    const id = nextId(actor);
    // before the answer, so that the next act of this person knows of it
    person.likeId = id;
    await said(place, person, ledger, { id, type: 'Like', object: postUri });
    return;
  }
  person.likeId = null;
  const object = { id: likeId, type: 'Like', actor: actor.id, object: postUri };
  await said(place, person, ledger, { type: 'Undo', object });
};

const again: Act = async (place, person, postUri, ledger) => {
  if (!person.newest) return answer(place, person, postUri, ledger);
  const status = await post(place, person.actor, person.newest);
  if (status !== 202) ledger.surprise(`a second copy was answered with ${status}`);
};

const plain = { 'content-type': ACTIVITY_JSON };
const nested = `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;

/** Each with the answers that may come: who makes the node read a key anew too often is told to wait. */
const HOSTILE: readonly (readonly [
  expected: readonly number[],
  attack: (place: Place, person: Person, postUri: string) => Promise<number>,
])[] = [
  [[401], (n, { actor }) => send(n, '/inbox', 'POST', plain, JSON.stringify({ type: 'Like', actor: actor.id }))],
  [[401], (n, { actor }, object) => post(n, actor, { type: 'Like', object }, { otherBody: '{"type":"Like"}' })],
  [
    [401, 429],
    (n, { actor }, object) => post(n, actor, { type: 'Like', object }, { signedPath: '/users/alice/inbox' }),
  ],
  [[401], (n, { actor }, object) => post(n, actor, { type: 'Like', actor: 'http://127.0.9.99/users/a', object })],
  [[400, 401], (n) => send(n, '/inbox', 'POST', plain, nested)],
  [[400, 401], (n) => send(n, '/inbox', 'POST', plain, '{"id":1,"id":2,"__proto__":{}}')],
  [[413], (n) => send(n, '/inbox', 'POST', plain, JSON.stringify({ a: 'x'.repeat(1_200_000) }))],
  [[415], (n) => send(n, '/inbox', 'POST', { 'content-type': 'text/html' }, '<script>')],
  [[404], (n, { actor }, object) => post(n, actor, { type: 'Like', object }, { path: '/users/nobody/inbox' })],
  [
    [403],
    (n, { actor }) => post(n, actor, { type: 'Update', object: { id: `${n.origin}/users/alice`, type: 'Person' } }),
  ],
  [[404, 406], (n) => send(n, '/posts/999999999', 'GET', { accept: ACTIVITY_JSON }, '')],
  [[405], (n) => send(n, '/inbox', 'DELETE', plain, '')],
];

const attack: Act = async (place, person, postUri, ledger) => {
  const [expected, run] = HOSTILE[ledger.hostile % HOSTILE.length] ?? [[], async () => 0];
  const number = ledger.hostile % HOSTILE.length;
  ledger.hostile += 1;
  // a sender of what is too large may find the line closed before it has said all
  const status = await run(place, person, postUri).catch((error: NodeJS.ErrnoException) =>
    expected.includes(413) && /EPIPE|ECONNRESET/.test(error.code ?? '') ? 413 : Promise.reject(error),
  );
  if (!expected.includes(status)) ledger.surprise(`attack ${number} was answered with ${status}`);
};

/** Of ten acts seven are honest. */
const MIX: readonly Act[] = [answer, attack, like, answer, change, attack, again, takeBack, like, attack];

/** The act whose turn it is, by the person whose turn it is; a person says one thing after the other. */
export function actNumber(n: number): Act {
  return MIX[n % MIX.length] ?? answer;
}
