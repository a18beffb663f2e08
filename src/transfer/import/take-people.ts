import { z } from 'zod';
import { blockAccount } from '../../accounts/block.ts';
import { followAccount } from '../../accounts/follow.ts';
import { Account, Block, Follow } from '../../accounts/model.ts';
import { editProfile } from '../../accounts/profile/edit.ts';
import { setPicture } from '../../accounts/profile/pictures.ts';
import { findTopicByName } from '../../federation/topics/addresses.ts';
import { followTopic } from '../../gallery/topics/follow.ts';
import { findTopicFollow } from '../../gallery/topics/topic.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import { ProfileDoc } from '../format.ts';
import { problemOf, type Taken, type Taking, withBytes } from './taking.ts';

const Person = z.object({ handle: z.string().min(1).max(400) });

async function findPerson({ findPerson: find }: Taking, plan: unknown): Promise<{ id: number; path: string }> {
  const handle = Person.parse(plan).handle.replace(/^@/, '');
  const id = await find(`@${handle}`);
  if (id === null) throw new AppError('not_found', t('import.nobody'));
  return { id, path: `/@${handle}` };
}

/** Of a model, collection or tag of this node, which nobody has to look for; null for anything else. */
async function followHere({ work, nodeOrigin }: Taking, plan: unknown): Promise<Taken | null> {
  const [name = '', host] = Person.parse(plan).handle.replace(/^@/, '').split('@');
  if (host !== new URL(nodeOrigin).host) return null;
  const em = work.em.fork();
  const topic = await findTopicByName(em, name);
  if (!topic) return null;
  const isKnown = (await findTopicFollow(em, topic.kind, topic.id, work.viewer.id)) !== null;
  await followTopic({ ...work, em }, topic.kind, topic.id);
  return { path: topic.url, isKnown, problems: [] };
}

export async function takeFollow(taking: Taking, plan: unknown): Promise<Taken> {
  const here = await followHere(taking, plan);
  if (here) return here;
  const { id, path } = await findPerson(taking, plan);
  const { work } = taking;
  const em = work.em.fork();
  const isKnown = (await em.count(Follow, { follower: work.viewer.id, target: id })) > 0;
  if (!isKnown) await followAccount({ ...work, em }, id);
  return { path, isKnown, problems: [] };
}

export async function takeBlock(taking: Taking, plan: unknown, kind: 'block' | 'mute'): Promise<Taken> {
  const { id, path } = await findPerson(taking, plan);
  const { work } = taking;
  const em = work.em.fork();
  const isKnown = (await em.count(Block, { account: work.viewer.id, target: id })) > 0;
  if (!isKnown) await blockAccount({ ...work, em }, id, kind);
  return { path, isKnown, problems: [] };
}

/** In place of what stands there: a person chooses whether it comes. */
export async function takeProfile(taking: Taking, plan: unknown): Promise<Taken> {
  const doc = ProfileDoc.parse(plan);
  const { work, limits } = taking;
  const { displayName, bio, links, isLocked, isNetworkShown } = doc;
  await editProfile({ ...work, em: work.em.fork() }, { displayName, bio, links, isLocked, isNetworkShown });
  const problems: string[] = [];
  for (const kind of ['avatar', 'banner'] as const) {
    const face = doc[kind];
    if (!face?.path) continue;
    const wanted = { place: face.path, ...face, mostBytes: limits.maxImageBytes };
    await withBytes(taking, wanted, async (path) => {
      const em = work.em.fork();
      await setPicture({ ...work, em }, kind, path, (task, arrival, from) =>
        limits.hashGate.assertPicture(task.em, arrival, from),
      );
    }).catch((error: unknown) => {
      problems.push(`${t(`import.${kind}`)}: ${problemOf(error, taking.signal)}`);
    });
  }
  const { name } = await work.em.fork().findOneOrFail(Account, work.viewer.id);
  return { path: `/@${name}`, problems };
}
