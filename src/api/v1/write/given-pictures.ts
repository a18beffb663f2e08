import { z } from 'zod';
import { nodeSettings } from '../../../accounts/node-settings.ts';
import { TALK_PICTURES } from '../../../gallery/talk-pictures/form.ts';
import { type GivenPictures, MOST_PICTURES, type TalkKind } from '../../../gallery/talk-pictures/hold.ts';
import type { TalkPictures } from '../../../gallery/talk-pictures/shown.ts';
import { RATINGS } from '../../../safety/ratings.ts';
import type { OwnAsk } from '../../operation/define.ts';
import { MOST_ID } from '../query.ts';

/** Of one's own drafts, as `addImages` put them there; of the words that are changed, those that are to stay. */
const GivenPicture = z.strictObject({
  id: z.int().min(1).max(MOST_ID),
  nsfwLevel: z.literal([...RATINGS]).optional(),
  alt: z.string().max(1_500).optional(),
});
/** Absent: as they were. */
export const givenPictures = (kind: TalkKind) => z.array(GivenPicture).max(MOST_PICTURES[kind]).optional();

export async function givenOf(
  ask: OwnAsk,
  given: readonly z.output<typeof GivenPicture>[] | undefined,
): Promise<GivenPictures | undefined> {
  if (!given) return undefined;
  for (const _ of given) ask.take(TALK_PICTURES);
  const { allowedLevels } = await ask.deps.gallery.settings.read(ask.em, nodeSettings);
  return { allowedLevels, pictures: given.map(({ id, nsfwLevel, alt }) => ({ id, level: nsfwLevel, altText: alt })) };
}

export const Picture = z.object({
  id: z.int(),
  url: z.url(),
  ...{ width: z.int(), height: z.int(), nsfwLevel: z.int(), alt: z.string() },
});
export const picturesIn = (origin: string, { items }: TalkPictures): z.output<typeof Picture>[] =>
  items.map(({ id, width, height, level, alt }) => ({
    ...{ id, width, height, nsfwLevel: level, alt, url: `${origin}/media/full/${id}.webp` },
  }));
