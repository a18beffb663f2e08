import { z } from 'zod';
import { defineEvent } from '../kit/events/events.ts';

const model = z.object({ modelId: z.int() });

/** A model is public that was not: at its first version, or again. */
export const modelPublished = defineEvent('model.published', model);
/** Its words, tags, permissions or versions changed while it is public. */
export const modelUpdated = defineEvent('model.updated', model);
/** Nobody but its owner sees it any more; it may come back. */
export const modelUnpublished = defineEvent('model.unpublished', model);
/** The time to undo is over: it does not come back. */
export const modelDeleted = defineEvent('model.deleted', model);
export const versionPublished = defineEvent('version.published', model.extend({ versionId: z.int() }));
/** A version has a file, public or not, so its hashes can be looked for. */
export const fileStored = defineEvent('file.stored', z.object({ fileId: z.int(), versionId: z.int() }));
