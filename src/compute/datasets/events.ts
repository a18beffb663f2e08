import { z } from 'zod';
import { defineEvent } from '../../kit/events/events.ts';

/** Some came into a set, or are cut or turned in another way. */
export const picturesChanged = defineEvent('dataset.pictures-changed', z.object({ datasetId: z.string() }));
