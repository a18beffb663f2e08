import { z } from 'zod';
import { gpuSettings, loadAllowance } from '../../../compute/gpu/quotas.ts';
import { listJobs } from '../../../compute/jobs/queries.ts';
import { defineOwn, type Operation } from '../../operation/define.ts';
import { text } from '../query.ts';
import { Progress } from './progress.ts';

const Day = z.iso.date().optional();
const dayOf = (day: string | undefined): Date | null => (day === undefined ? null : new Date(`${day}T00:00:00Z`));

const Job = z.object({
  id: z.string(),
  kind: z.enum(['generation', 'training', 'captioning', 'merge']),
  ...{ title: z.string(), summary: z.string(), state: z.string(), open: z.boolean() },
  error: z.string().nullable(),
  createdAt: z.iso.datetime(),
  progress: Progress.nullable(),
});

export const JOB_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/jobs', name: 'listJobs', group: 'Jobs', scope: 'read' },
    summary: 'What one had made on the GPU and what one waits for, the newest first.',
    query: z.object({
      before: z.uuid().toLowerCase().optional(),
      query: text(),
      /** Title of a checkpoint. */
      model: text(300),
      ...{ from: Day, to: Day },
    }),
    answer: z.object({
      items: z.array(Job),
      nextBefore: z.string().optional(),
      /** Seconds of the GPU that one may use until `renewsAt`. */
      allowance: z.object({ limitSeconds: z.number(), usedSeconds: z.number(), renewsAt: z.iso.datetime() }),
    }),
    run: async (ask, { query }) => {
      const { viewer, em, deps } = ask;
      const { items, next } = await listJobs(ask, viewer, {
        ...{ before: query.before, search: query.query ?? '', model: query.model ?? '' },
        ...{ from: dayOf(query.from), to: dayOf(query.to) },
      });
      const allowance = await loadAllowance(ask, viewer.id, await deps.training.settings.read(em, gpuSettings));
      const { limitSeconds, usedSeconds, renewsAt } = allowance;
      return {
        items: items.map(({ id, kind, title, summary, state, isOpen, error, createdAt, live }) => ({
          ...{ id, kind, title, summary, state, error, open: isOpen, progress: live },
          createdAt: createdAt.toISOString(),
        })),
        ...(next ? { nextBefore: next } : {}),
        allowance: { limitSeconds, usedSeconds, renewsAt: renewsAt.toISOString() },
      };
    },
  }),
];
