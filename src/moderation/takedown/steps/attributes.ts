import { Account } from '../../../accounts/model.ts';
import {
  lockUploads,
  reinstateByDecision,
  suspendByDecision,
  terminateByDecision,
  unlockUploads,
} from '../../../accounts/staff/by-decision.ts';
import { isLicense } from '../../../catalogue/licences.ts';
import { Model } from '../../../catalogue/model.ts';
import { Image } from '../../../gallery/model.ts';
import { inList, rows } from '../../../kit/database/sql.ts';
import type { Work } from '../../../kit/work.ts';
import { RATINGS } from '../../../safety/ratings.ts';
import { endLockJob } from '../end-lock.ts';
import { defineTakedownStep, done, type TakedownOrder } from '../step.ts';
import { thingsOf } from '../things.ts';
import { keepTrace, TakedownTrace } from '../trace.ts';

type ModelFacts = Partial<Pick<Model, 'level' | 'licenseId' | 'creditLine' | 'allowNoCredit' | 'isSfwOnly'>>;
const DAY_MS = 24 * 3_600_000;
interface AccountFacts {
  readonly takenBits?: number;
  readonly wasActive?: boolean;
}

/** Rating, licence, line of credit and what an account may do: the columns that a decision sets, with what they were. */
export const attributesStep = defineTakedownStep({
  name: 'attributes',
  outcomes: ['re_rate', 'age_lock', 'credit', 'licence', 'account_action', 'undo'],
  async run(work, order) {
    if (order.outcome === 'undo') return done(`${await setBack(work, order.parameters.undoes ?? '')} set back`);
    if (order.outcome === 'account_action') return done(await actOnAccount(work, order));
    const facts = factsOf(order);
    if (!facts) return done('nothing to set');
    const models = await setModels(work, order, facts);
    const images = order.outcome === 're_rate' ? await rateImages(work, order) : 0;
    return done(`${models} models, ${images} pictures`);
  },
});

function factsOf({ outcome, parameters: { level = 0, text = '' } }: TakedownOrder): ModelFacts | null {
  if (outcome === 'age_lock') return { isSfwOnly: true, level: 1 };
  if (outcome === 're_rate') return (RATINGS as readonly number[]).includes(level) ? { level } : null;
  if (outcome === 'credit') return { creditLine: text.slice(0, 300), allowNoCredit: false };
  return isLicense(text) ? { licenseId: text } : null;
}

async function setModels({ em, now }: Work, order: TakedownOrder, facts: ModelFacts): Promise<number> {
  const { modelIds, versionIds } = await thingsOf(em, order.target);
  const ofVersions = await rows<{ id: number }>(
    em,
    `select distinct model_id as id from model_version where id in (${inList(versionIds)})`,
    [...versionIds],
  );
  const ids = new Set([...modelIds, ...ofVersions.map(({ id }) => id)]);
  for (const id of ids) {
    await em.fork().transactional(async (tx) => {
      const model = await tx.findOneOrFail(Model, id);
      const { level, licenseId, creditLine, allowNoCredit, isSfwOnly } = model;
      const all = { level, licenseId, creditLine, allowNoCredit, isSfwOnly };
      const before = Object.fromEntries(Object.entries(all).filter(([name]) => name in facts));
      await keepTrace(tx, order.takedownId, { kind: 'model', subjectId: id, facts: before }, now());
      Object.assign(model, facts);
    });
  }
  return ids.size;
}

async function rateImages({ em, now }: Work, order: TakedownOrder): Promise<number> {
  const { imageIds } = await thingsOf(em, order.target);
  for (const id of imageIds) {
    await em.fork().transactional(async (tx) => {
      const image = await tx.findOneOrFail(Image, id);
      await keepTrace(tx, order.takedownId, { kind: 'image', subjectId: id, facts: { level: image.level } }, now());
      image.level = order.parameters.level ?? image.level;
    });
  }
  return imageIds.length;
}

/** Strikes are counted where cases are decided. */
async function actOnAccount(work: Work, { takedownId, target, parameters: { action, days } }: TakedownOrder) {
  const { em, jobs, now } = work;
  const keep = (facts: AccountFacts) =>
    em.fork().transactional((tx) => keepTrace(tx, takedownId, { kind: 'account', subjectId: target.id, facts }, now()));
  if (target.kind !== 'account') return 'not an account';
  const account = await em.fork().findOne(Account, target.id);
  if (!account) return 'not there';
  if (action === 'lock_uploads') {
    await keep({ takenBits: account.permissions });
    await lockUploads({ em: em.fork() }, target.id);
    if (days) {
      const until = { delayMs: days * DAY_MS, dedupeKey: `end lock ${takedownId}` };
      await em.fork().transactional(async (tx) => {
        jobs.enqueue(tx, endLockJob, { takedownId }, until);
        await tx.flush();
      });
    }
  }
  if (action === 'suspend') {
    await keep({ wasActive: account.state === 'active' });
    await suspendByDecision({ em: em.fork() }, target.id);
  }
  if (action === 'terminate') await terminateByDecision({ ...work, em: em.fork() }, target.id);
  return action ?? 'nothing';
}

async function setBack({ em, now }: Work, undoes: string): Promise<number> {
  const traces = await em.fork().find(TakedownTrace, {
    takedownId: undoes,
    kind: { $in: ['model', 'image', 'account'] },
    digest: null,
    restoredAt: null,
  });
  for (const { id, kind, subjectId, facts } of traces) {
    const subject = Number(subjectId);
    if (kind === 'account') {
      const { takenBits, wasActive } = facts as AccountFacts;
      if (takenBits !== undefined) await unlockUploads({ em: em.fork() }, subject, takenBits);
      if (wasActive) await reinstateByDecision({ em: em.fork() }, subject);
    } else if (kind === 'model') await em.fork().nativeUpdate(Model, { id: subject }, facts as ModelFacts);
    else await em.fork().nativeUpdate(Image, { id: subject }, facts as { level: number });
    await em.fork().nativeUpdate(TakedownTrace, { id }, { restoredAt: now() });
  }
  return traces.length;
}
