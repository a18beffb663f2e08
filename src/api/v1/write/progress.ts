import { z } from 'zod';

/** How far a job is. */
export const Progress = z.object({ value: z.number(), max: z.number(), note: z.string() });

/** The data of `progress`, and of `done` and `failed`, which end the stream and say where the result is. */
export const JobEvent = z.union([Progress.extend({ preview: z.string().optional() }), z.object({ url: z.string() })]);
