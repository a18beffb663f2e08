import { dialectOf, rows, toBoolean, toDateOrNull, toNumber } from '../../kit/database/sql.ts';
import { bytes } from '../../kit/web/filters.ts';
import { EMPTY_FORM, type FormState } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { PageHead } from '../../kit/web/views.ts';
import type { Work } from '../../kit/work.ts';
import { VISIBILITIES, type Visibility } from '../../safety/audience.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { RATINGS, ratingLabel } from '../../safety/ratings.ts';
import { MOST_IMAGES } from '../images/add.ts';
import { extensionOf } from '../images/read-file.ts';
import { loadOwnPost } from './draft.ts';
import { listPostTags } from './tags.ts';

interface Option {
  readonly value: string;
  readonly label: string;
}

interface EditedImage {
  readonly id: number;
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly blur: string;
  readonly facts: string;
  readonly prompt: string;
  readonly rating: string;
  readonly alt: string;
  readonly caption: string;
  readonly isRendered: boolean;
  readonly renderError: string | null;
  /** Withheld, so its owner does not see it either. */
  readonly isHeld: boolean;
}

/** What was just done, in words, with a link where there is one. */
export interface Said {
  readonly text: string;
  readonly kind: 'good' | 'warn' | 'bad';
  readonly href?: string;
  readonly label?: string;
}

export interface EditorPage {
  readonly postId: number;
  readonly state: string;
  readonly values: Readonly<Record<string, string>>;
  readonly errors: Readonly<Record<string, string>>;
  readonly message: string | null;
  readonly said: readonly Said[];
  readonly images: readonly EditedImage[];
  readonly isRendering: boolean;
  /** The picture whose removal can be undone. */
  readonly removedId: number | null;
  readonly ratings: readonly Option[];
  readonly versions: readonly Option[];
  readonly visibility: Visibility;
  readonly visibilities: readonly Option[];
  readonly roomLeft: number;
  readonly mostImages: number;
  readonly maxBytes: number;
  readonly page: PageHead;
}

interface ImageRow {
  id: number;
  width: number;
  height: number;
  placeholder: string;
  media_type: string;
  total_bytes: unknown;
  level: number;
  alt_text: string;
  caption: string;
  rendered_at: unknown;
  render_error: string | null;
  restrictions: unknown;
  has_recipe: unknown;
  prompt: string | null;
}

/** Throws `not_found` for whoever is not the owner. */
export async function loadEditor(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  postId: number,
  { allowedLevels, maxBytes }: { allowedLevels: number; maxBytes: number },
  {
    form = EMPTY_FORM,
    said = [],
    removedId = null,
  }: { form?: FormState; said?: Said[]; removedId?: number | null } = {},
): Promise<EditorPage> {
  const { em } = work;
  const post = await loadOwnPost(work, postId);
  const images = await rows<ImageRow>(
    em,
    `select id, width, height, placeholder, media_type, total_bytes, level, alt_text, caption, rendered_at, render_error,
       has_recipe, ${promptColumn(em)} as prompt, (select s.restrictions from policy_state s
         where s.target_kind = 'image' and s.target_id = image.id) as restrictions
     from image where post_id = ? and deleted_at is null order by position, id`,
    [postId],
  );
  const typed = (name: string, stored: string): string => {
    const value = form.values[name];
    return typeof value === 'string' ? value : stored;
  };
  const publishAt = post.publishAt?.toISOString().slice(0, 16) ?? '';
  return {
    postId,
    state: post.state,
    values: {
      title: typed('title', post.title),
      caption: typed('caption', post.caption),
      tags: typed('tags', (await listPostTags(em, postId)).join(', ')),
      version: typed('version', String(post.version?.id ?? 0)),
      visibility: typed('visibility', post.visibility),
      publishAt: typed('publishAt', publishAt),
    },
    errors: form.errors,
    message: form.message,
    said,
    images: images.map((row, index) => editedImage(row, index, typed)),
    isRendering: images.some((row) => row.rendered_at == null && row.render_error == null),
    removedId,
    ratings: RATINGS.filter((level) => (level & allowedLevels) !== 0).map((level) => ({
      value: String(level),
      label: ratingLabel(level),
    })),
    versions: await versionOptions(em, post.owner.id, post.version?.id ?? 0),
    visibility: post.visibility,
    visibilities: VISIBILITIES.map((value) => ({ value, label: t(`visibility.${value}.long`) })),
    roomLeft: MOST_IMAGES - images.length,
    mostImages: MOST_IMAGES,
    maxBytes,
    page: { title: t('post.edit'), noindex: true },
  };
}

const promptColumn = (em: Work['em']): string =>
  dialectOf(em) === 'sqlite' ? `substr(json_extract(recipe, '$.prompt'), 1, 200)` : `substr(recipe->>'prompt', 1, 200)`;

function editedImage(row: ImageRow, index: number, typed: (name: string, stored: string) => string): EditedImage {
  const { id, width, height, placeholder } = row;
  return {
    ...{ id, width, height, blur: placeholder },
    name: t('post.picture', { n: index + 1 }),
    facts: `${width} × ${height} · ${extensionOf(row.media_type).toUpperCase()} · ${bytes(toNumber(row.total_bytes))}`,
    prompt: row.prompt ?? (toBoolean(row.has_recipe) ? t('post.has-recipe') : ''),
    rating: typed(`rating-${id}`, String(row.level)),
    alt: typed(`alt-${id}`, row.alt_text),
    caption: typed(`caption-${id}`, row.caption),
    isRendered: toDateOrNull(row.rendered_at) !== null,
    renderError: row.render_error,
    isHeld: (toNumber(row.restrictions) & (RESTRICTION.view | RESTRICTION.removed)) !== 0,
  };
}

/** The owner's own versions, newest first, and the one that is chosen. */
async function versionOptions(em: Work['em'], ownerId: number, chosenId: number): Promise<Option[]> {
  const found = await rows<{ id: number; name: string; model: string }>(
    em,
    `select v.id, v.name, m.name as model from model_version v join model m on m.id = v.model_id
     where (m.owner_id = ? and m.state <> 'deleted' and v.state <> 'deleted') or v.id = ? order by v.id desc limit 200`,
    [ownerId, chosenId],
  );
  return [
    { value: '0', label: t('post.no-version') },
    ...found.map(({ id, name, model }) => ({ value: String(id), label: `${model || t('post.untitled')} · ${name}` })),
  ];
}

export interface DraftView {
  readonly url: string;
  readonly title: string;
  readonly state: string;
  readonly imageCount: number;
  readonly imageId: number | null;
  readonly updatedAt: string;
}

/** Posts that are not public yet, the last ones first. */
export async function listDrafts({ em, viewer }: Pick<Work, 'em' | 'viewer'>): Promise<DraftView[]> {
  const found = await rows<{
    id: number;
    title: string;
    state: string;
    updated_at: unknown;
    image_id: number | null;
    image_count: unknown;
  }>(
    em,
    `select p.id, p.title, p.state, p.updated_at,
       (select i.id from image i where i.post_id = p.id and i.deleted_at is null order by i.position, i.id limit 1) as image_id,
       (select count(*) from image i where i.post_id = p.id and i.deleted_at is null) as image_count
     from post p where p.owner_id = ? and p.is_local = ? and p.state in ('draft', 'scheduled', 'unpublished')
     order by p.updated_at desc limit 24`,
    [viewer?.id ?? 0, true],
  );
  return found
    .filter(({ image_id }) => image_id !== null)
    .map((row) => ({
      url: `/posts/${row.id}/edit`,
      title: row.title || t('post.untitled'),
      state: row.state,
      imageCount: toNumber(row.image_count),
      imageId: row.image_id,
      updatedAt: (toDateOrNull(row.updated_at) ?? new Date(0)).toISOString(),
    }));
}
