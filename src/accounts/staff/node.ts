import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import type { Settings } from '../../kit/settings.ts';
import type { Work } from '../../kit/work.ts';
import { nodeSettings, SIGN_UP_MODES } from '../node-settings.ts';
import { can } from '../permissions.ts';

export const NodeForm = z.object({
  name: z.string().trim().min(1, 'Give the node a name.').max(60),
  description: z.string().trim().max(200).default(''),
  rules: z.string().trim().max(20_000).default(''),
  terms: z.string().trim().max(50_000).default(''),
  contact: z.string().trim().max(200).default(''),
  signUpMode: z.enum(SIGN_UP_MODES, 'Choose who may join.'),
  ceiling: z.enum(['1', '2', '4', '8', '16'], 'Choose a rating.').transform(Number),
});

/** Throws `forbidden` without the permission to manage settings. */
export async function editNode(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  settings: Settings,
  { ceiling, ...form }: z.output<typeof NodeForm>,
): Promise<void> {
  if (!can(viewer, 'manageSettings')) throw new AppError('forbidden', 'You may not change the node.');
  const before = await settings.read(em, nodeSettings);
  // who agreed to what can be told by the number, so new words get a new one
  const termsVersion = form.terms === before.terms ? before.termsVersion : before.termsVersion + 1;
  await settings.write(em, nodeSettings, { ...before, ...form, termsVersion, allowedLevels: ceiling * 2 - 1 }, now());
  await em.flush();
}
