import { accessParameters, IMAGE_ACCESS, type ImageAccessRow, imageVerdict } from '../../gallery/access.ts';
import { rows } from '../../kit/database/sql.ts';
import { isId } from '../../kit/ids.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { Provenance } from '../model.ts';

/** A picture that a request may begin from, as far as this person may have it. */
export interface Start {
  /** `up:` a picture that was uploaded, `result:` one that was made here, `image:` one of the gallery, `gen:` and `mask:` those of an earlier request. */
  readonly key: string;
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  /** For the page. */
  readonly src: string;
  /** Drawn by us already, as PNG. */
  readonly isPlain: boolean;
  readonly provenance: Provenance;
}

interface Row {
  sha256: string | null;
  width: number;
  height: number;
  provenance: Provenance | null;
}

/** Of what a generation made: as the picture that it began from, else ours. */
const MADE = (generation: string): string =>
  `case when ${generation}.start_sha256 is null then 'here'
     else coalesce(${generation}.request -> 'start' ->> 'provenance', 'unproven') end`;

export async function findStart(em: Work['em'], viewer: Viewer, key: string): Promise<Start | null> {
  const [kind = '', name = ''] = key.split(':', 2);
  if (kind === 'image') return findImage(em, viewer, key, name);
  if (kind === 'up' ? !/^[0-9a-f]{64}$/.test(name) : !isId(name)) return null;
  const found = QUERIES[kind];
  if (!found) return null;
  const [row] = await rows<Row>(em, found.sql, [name, viewer.id]);
  if (!row?.sha256) return null;
  const { sha256, width, height, provenance } = row;
  return {
    ...{ key, sha256, width, height, provenance: provenance ?? 'unproven' },
    ...{ src: found.src(name, sha256), isPlain: found.isPlain },
  };
}

const inputUrl = (sha256: string) => `/generate/inputs/${sha256}.png`;

const QUERIES: Readonly<
  Record<string, { readonly sql: string; readonly isPlain: boolean; src(name: string, sha256: string): string }>
> = {
  up: {
    sql: 'select sha256, width, height, provenance from generation_input where sha256 = ? and account_id = ?',
    isPlain: true,
    src: (_name, sha256) => inputUrl(sha256),
  },
  result: {
    sql: `select i.sha256, i.width, i.height, ${MADE('g')} as provenance from generation_image i join generation g on g.id = i.generation_id
      where i.id = ? and g.account_id = ? and i.deleted_at is null and g.deleted_at is null`,
    isPlain: false,
    src: (name) => `/generate/images/${name}.webp`,
  },
  gen: {
    sql: `select start_sha256 as sha256, cast(request -> 'start' ->> 'width' as integer) as width,
        cast(request -> 'start' ->> 'height' as integer) as height,
        request -> 'start' ->> 'provenance' as provenance
      from generation where id = ? and account_id = ? and deleted_at is null`,
    isPlain: true,
    src: (_name, sha256) => inputUrl(sha256),
  },
  mask: {
    sql: `select mask_sha256 as sha256, cast(request -> 'start' ->> 'width' as integer) as width,
        cast(request -> 'start' ->> 'height' as integer) as height, null as provenance
      from generation where id = ? and account_id = ? and deleted_at is null`,
    isPlain: true,
    src: (_name, sha256) => inputUrl(sha256),
  },
};

/** Anything that this person may look at; an animation is none to begin from. */
async function findImage(em: Work['em'], viewer: Viewer, key: string, name: string): Promise<Start | null> {
  if (!/^[1-9]\d{0,9}$/.test(name) || Number(name) > 2_147_483_647) return null;
  const [row] = await rows<ImageAccessRow & Row>(
    em,
    `select ${IMAGE_ACCESS}, i.sha256, i.width, i.height,
       case when g.id is not null then ${MADE('g')} when i.has_recipe then 'claimed' else 'unproven' end as provenance
     from image i join post p on p.id = i.post_id left join generation g on g.id = i.generation_id
     where i.id = ? and i.frame_count = 1`,
    [...accessParameters(viewer), Number(name)],
  );
  if (!row?.sha256 || !imageVerdict(row, viewer).allowed) return null;
  const { sha256, width, height, provenance } = row;
  return {
    ...{ key, sha256, width, height, provenance: provenance ?? 'unproven' },
    src: `/media/640/${name}.webp`,
    isPlain: false,
  };
}

/** Bytes of `/generate/inputs/<sha256>.png`: of the person who uploaded them, or whose request began from them. */
export async function hasInput(em: Work['em'], viewer: Viewer, sha256: string): Promise<boolean> {
  const found = await rows<{ one: number }>(
    em,
    `select 1 as one from generation_input where account_id = ? and sha256 = ?
     union select 1 as one from generation where account_id = ? and (start_sha256 = ? or mask_sha256 = ?)`,
    [viewer.id, sha256, viewer.id, sha256, sha256],
  );
  return found.length > 0;
}
