import { z } from 'zod';
import { rows } from '../../kit/database/sql.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { Job } from '../../kit/queue/job.ts';
import type { Work } from '../../kit/work.ts';
import { readPdq } from '../../safety/hashes/gate.ts';
import { BAND_COLUMNS, bandsOf } from './bands.ts';

type Parts = Pick<Work, 'em'>;

interface Looked {
  readonly id: number;
  readonly pdq: string | null;
  readonly listed_at: unknown;
}

const COLUMNS = ['image_id', 'hash', ...BAND_COLUMNS];
const PUT = `insert into image_look (${COLUMNS.join(', ')}) values `;
const ROW = `(${COLUMNS.map(() => '?').join(', ')})`;
const OVER = ` on conflict (image_id) do update set ${COLUMNS.slice(1)
  .map((name) => `${name} = excluded.${name}`)
  .join(', ')} returning image_id`;

/** The looks of these pictures as they are now: those of public ones are kept, the others go. Again is the same. */
export async function keepLooks({ em }: Parts, images: readonly Looked[]): Promise<void> {
  const seen = images.flatMap(({ id, pdq, listed_at }) => {
    // a weak hash says too little: it was left out when the picture came
    const hash = listed_at == null ? undefined : readPdq(pdq ?? '')[0]?.[0];
    return hash ? [{ id, hash }] : [];
  });
  const gone = images.filter(({ id }) => !seen.some((one) => one.id === id));
  for (const { id } of gone) await rows(em, 'delete from image_look where image_id = ? returning image_id', [id]);
  if (seen.length === 0) return;
  await rows(
    em,
    PUT + seen.map(() => ROW).join(', ') + OVER,
    seen.flatMap(({ id, hash }) => [id, hash, ...bandsOf(hash)]),
  );
}

const BATCH = 200;

/** Pictures that were here before there was an index of looks; a batch at a time, each with a job of its own. */
export const fillLooksJob = defineJob({
  name: 'discovery.fill-looks',
  lane: 'clock',
  payload: z.object({ before: z.int() }),
  attempts: 5,
  async run({ em, jobs }, { before }) {
    const found = await rows<Looked>(
      em,
      `select i.id, i.pdq, i.listed_at from image i where i.id < ? and i.pdq is not null
         and not exists (select 1 from image_look l where l.image_id = i.id) order by i.id desc limit ${BATCH}`,
      [before],
    );
    await keepLooks({ em }, found);
    const last = found.at(-1);
    if (!last || found.length < BATCH) return;
    jobs.enqueue(em, fillLooksJob, { before: last.id }, { dedupeKey: fillLooksJob.name });
    await em.flush();
  },
});

/** At the first start after the index came, and at none after it: one job ends it. */
export async function scheduleFillLooks({ em, jobs }: Pick<Work, 'em' | 'jobs'>): Promise<void> {
  const [missing] = await rows<{ id: number }>(
    em,
    `select i.id from image i where i.listed_at is not null and i.pdq is not null and i.pdq <> ''
       and not exists (select 1 from image_look) limit 1`,
  );
  if (!missing || (await em.count(Job, { name: fillLooksJob.name, state: 'queued' })) > 0) return;
  jobs.enqueue(em, fillLooksJob, { before: 2_147_483_647 }, { dedupeKey: fillLooksJob.name });
  await em.flush();
}
