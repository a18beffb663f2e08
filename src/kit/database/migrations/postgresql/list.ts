import type { Migration } from '../../migration.ts';
import { migration as m0001 } from './0001-initial.ts';
import { migration as m0002 } from './0002-search.ts';
import { migration as m0003 } from './0003-federation.ts';
import { migration as m0004 } from './0004-shown-before.ts';
import { migration as m0005 } from './0005-collections.ts';
import { migration as m0006 } from './0006-talk-of-reviews.ts';
import { migration as m0007 } from './0007-outbox-about.ts';
import { migration as m0008 } from './0008-attached-gpu.ts';
import { migration as m0009 } from './0009-moderation.ts';
import { migration as m0010 } from './0010-moderation-rows.ts';
import { migration as m0011 } from './0011-words.ts';
import { migration as m0012 } from './0012-claim-proofs.ts';
import { migration as m0016 } from './0016-api-lists.ts';
import { migration as m0017 } from './0017-credits.ts';
import { migration as m0018 } from './0018-api-apps.ts';
import { migration as m0019 } from './0019-talk.ts';
import { migration as m0020 } from './0020-discovery.ts';
import { migration as m0021 } from './0021-lineage-merging.ts';
import { migration as m0022 } from './0022-economy.ts';
import { migration as m0024 } from './0024-transfer.ts';
import { migration as m0026 } from './0026-statistics.ts';
import { migration as m0027 } from './0027-together-and-contests.ts';
import { migration as m0028 } from './0028-talk-pictures.ts';
import { migration as m0029 } from './0029-followers-in-all.ts';
import { migration as m0030 } from './0030-rights.ts';
import { migration as m0031 } from './0031-bounty-pictures.ts';
import { migration as m0033 } from './0033-remixes.ts';
import { migration as m0034 } from './0034-look-up-uses.ts';

/** Written by `npm run migration`. */
export const migrations: readonly Migration[] = [
  m0001,
  m0002,
  m0003,
  m0004,
  m0005,
  m0006,
  m0007,
  m0008,
  m0009,
  m0010,
  m0011,
  m0012,
  m0016,
  m0017,
  m0018,
  m0019,
  m0020,
  m0021,
  m0022,
  m0024,
  m0026,
  m0027,
  m0028,
  m0029,
  m0030,
  m0031,
  m0033,
  m0034,
];
