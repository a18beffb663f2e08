import type { EntityManager } from '@mikro-orm/core';
import type { PictureFormDeps } from '../gallery/talk-pictures/form.ts';
import type { Screening } from '../safety/screening.ts';

/** Is somebody looking into one of these (`kind:id`)? Moderation knows, which lies above this room. */
export type IsLookedInto = (em: EntityManager, things: readonly string[]) => Promise<boolean>;

/** What lives as long as the process and the pages of credits lean on; made by the composition root. */
export interface EconomyDeps extends PictureFormDeps {
  readonly screening: Screening;
  readonly publicUrl: URL;
  readonly isLookedInto: IsLookedInto;
}
