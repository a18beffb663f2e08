import { appendFile, open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Federation } from '../deps.ts';
import type { InboxWork } from '../inbox/act.ts';
import { removeObject } from '../inbox/remove-object.ts';
import { ApObject as StoredObject, Tombstone } from '../model.ts';
import { DigestTombstone } from '../notices/model.ts';
import { refuseAtDoors } from './digests.ts';

/*
 * What notices took down is also written to a file beside the database, a line each and never changed: a database that
 * comes from a backup knows nothing of what was taken down since, and this is looked through before anything is served
 * (spec/takedowns.md 2.10, restore denylist). Whoever restores into an empty folder brings the file along.
 */
const FILE = 'taken-down.jsonl';
const MOST_LINES = 500_000;

const Mark = z.object({
  notice: z.string(),
  uri: z.string(),
  actor: z.string(),
  category: z.string(),
  digests: z.array(z.string()),
  at: z.string(),
});
const Line = z.union([Mark, z.object({ undone: z.string() })]);

export const keepMark = ({ dataDir }: Pick<Federation, 'dataDir'>, line: z.output<typeof Line>): Promise<void> =>
  appendFile(join(dataDir, FILE), `${JSON.stringify(line)}\n`);

/** Marks that the database does not have are set again, and what they took down goes again. Returns how many. */
export async function restoreMarks(work: InboxWork, federation: Federation): Promise<number> {
  const { em } = work;
  const marks = await readMarks(federation);
  let count = 0;
  for (const { notice, uri, actor, category, digests, at } of marks) {
    if ((await em.count(Tombstone, { noticeUri: notice })) > 0) continue;
    const facts = { uri, actorUri: actor, deletedAt: new Date(at), noticeUri: notice };
    await em.upsert(Tombstone, facts, { onConflictFields: ['uri'], onConflictAction: 'merge' });
    for (const digest of digests) {
      const row = { digest, noticeUri: notice, category, at: new Date(at) };
      await em.upsert(DigestTombstone, row, { onConflictFields: ['digest'], onConflictAction: 'ignore' });
      await refuseAtDoors(em, digest, category, null, work.now());
    }
    await em.nativeDelete(StoredObject, { uri });
    await removeObject(work, federation, uri);
    em.clear();
    count += 1;
  }
  if (count > 0) federation.log.warn({ count }, 'taken down again after a restore');
  return count;
}

async function readMarks({ dataDir, log }: Pick<Federation, 'dataDir' | 'log'>) {
  const marks = new Map<string, z.output<typeof Mark>>();
  const file = await open(join(dataDir, FILE)).catch(() => null);
  if (!file) return [];
  let lines = 0;
  for await (const text of file.readLines()) {
    lines += 1;
    if (lines > MOST_LINES) break;
    const line = readLine(text);
    // a line that a crash cut in two
    if (!line) log.warn({ lines }, 'a line of the file of marks cannot be read');
    else if ('undone' in line) marks.delete(line.undone);
    else marks.set(line.notice, line);
  }
  return [...marks.values()];
}

function readLine(text: string): z.output<typeof Line> | null {
  try {
    return Line.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
