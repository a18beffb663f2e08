import { isFileHash } from '../../../catalogue/files/by-hash.ts';
import { t } from '../../../kit/web/messages.ts';
import { type Family, keyOf, type Relation, type Relative } from './load.ts';

/** One line of the list, which says the same as the drawing. */
interface LineageLink {
  readonly how: string;
  readonly name: string;
  /** Empty for what is not here. */
  readonly href: string;
  /** Where others are asked for what is not here; empty when no hash names it. */
  readonly findUrl: string;
  readonly isHere: boolean;
  readonly weight: number | null;
  /** Only the header of a file says so. */
  readonly isClaimed: boolean;
  /** Generations between: 1 is a parent or a child. */
  readonly distance: number;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly name: string;
  /** What fits into the box. */
  readonly short: string;
  readonly how: string;
  readonly href: string;
  readonly isSelf: boolean;
}

interface Line {
  readonly path: string;
  readonly isClaimed: boolean;
}

export interface LineageView {
  readonly parents: readonly LineageLink[];
  readonly children: readonly LineageLink[];
  /** Null without relatives. Units are pixels at full size. */
  readonly drawing: {
    readonly width: number;
    readonly height: number;
    readonly boxes: readonly Box[];
    readonly lines: readonly Line[];
  } | null;
  readonly hasClaims: boolean;
  readonly isCut: boolean;
}

const BOX = { width: 172, height: 46, gapX: 16, gapY: 40 };
/** In one generation of the drawing; the list has all. */
const MOST_ABREAST = 5;
const MOST_CHARS = 21;

/** The list, and the same drawn: a generation in each row, parents above. */
export function lineageView(family: Family, self: { readonly versionId: number; readonly name: string }): LineageView {
  const links = (isUp: boolean) =>
    family.relatives
      .filter(({ distance }) => distance > 0 === isUp)
      .sort((a, b) => Math.abs(a.distance) - Math.abs(b.distance))
      .map((relative) => linkOf(relative, relationOf(relative, family.relations)));
  const { relations } = family;
  return {
    parents: links(true),
    children: links(false),
    drawing: family.relatives.length === 0 ? null : draw(family, self),
    hasClaims: relations.some(({ basis }) => basis === 'file'),
    isCut: family.isCut,
  };
}

/** How it is bound to the generation that is nearer. */
const relationOf = ({ key, distance }: Relative, relations: readonly Relation[]): Relation | undefined =>
  relations.find(({ parentKey, childKey }) => (distance > 0 ? parentKey : childKey) === key);

const hrefOf = ({ modelId, versionId }: Relative): string =>
  versionId === null ? '' : `/models/${modelId}?version=${versionId}`;

const isPrivate = ({ versionId, name, hash }: Relative): boolean => versionId === null && name === '' && hash === '';
const nameOf = (relative: Relative): string =>
  relative.name || (isPrivate(relative) ? t('recipe.private') : relative.hash.slice(0, 12));

function linkOf(relative: Relative, relation: Relation | undefined): LineageLink {
  const kind = relation?.kind ?? 'merged_from';
  return {
    how: relative.distance > 0 ? t(`lineage.${kind}`) : towards(kind, relative.distance),
    name: nameOf(relative),
    href: hrefOf(relative),
    findUrl: isFileHash(relative.hash) ? `/hashes/${relative.hash}` : '',
    isHere: relative.versionId !== null || isPrivate(relative),
    weight: relation?.weight ?? null,
    isClaimed: relation?.basis === 'file',
    distance: Math.abs(relative.distance),
  };
}

/** Which way it goes: from a parent into what stands below it, or to a child from what stands above. */
const towards = (kind: Relation['kind'], distance: number): string =>
  t(`lineage.${distance > 0 ? 'into' : 'from'}.${kind}`, {
    what: t(Math.abs(distance) === 1 ? 'lineage.here' : `lineage.${distance > 0 ? 'below' : 'above'}`),
  });

function draw({ relatives, relations }: Family, self: { readonly versionId: number; readonly name: string }) {
  const rowsOf = new Map<number, { key: string; name: string; href: string; how: string }[]>();
  const put = (distance: number, box: { key: string; name: string; href: string; how: string }) => {
    const row = rowsOf.get(distance) ?? [];
    if (row.length < MOST_ABREAST) row.push(box);
    rowsOf.set(distance, row);
  };
  put(0, { key: keyOf(self.versionId), name: self.name, href: '', how: t('lineage.this') });
  for (const relative of relatives) {
    const relation = relationOf(relative, relations);
    put(relative.distance, {
      ...{ key: relative.key, name: nameOf(relative), href: hrefOf(relative) },
      how: relation ? towards(relation.kind, relative.distance) : '',
    });
  }
  const distances = [...rowsOf.keys()].sort((a, b) => b - a);
  const widest = Math.max(...[...rowsOf.values()].map((row) => row.length));
  const width = widest * (BOX.width + BOX.gapX) - BOX.gapX + 2;
  const places = new Map<string, Box>();
  for (const [level, distance] of distances.entries()) {
    const row = rowsOf.get(distance) ?? [];
    const rowWidth = row.length * (BOX.width + BOX.gapX) - BOX.gapX;
    for (const [n, { key, name, href, how }] of row.entries()) {
      places.set(key, {
        x: Math.round((width - rowWidth) / 2 + n * (BOX.width + BOX.gapX)),
        y: 1 + level * (BOX.height + BOX.gapY),
        ...{ width: BOX.width, height: BOX.height, name, href, how, isSelf: distance === 0 },
        short: [...name].length > MOST_CHARS ? `${[...name].slice(0, MOST_CHARS - 1).join('')}…` : name,
      });
    }
  }
  const lines = relations.flatMap(({ parentKey, childKey, basis }): Line[] => {
    const [parent, child] = [places.get(parentKey), places.get(childKey)];
    return parent && child ? [{ path: pathOf(parent, child), isClaimed: basis === 'file' }] : [];
  });
  const height = distances.length * (BOX.height + BOX.gapY) - BOX.gapY + 2;
  return { width, height, boxes: [...places.values()], lines };
}

/** From the foot of the parent to the head of the child. */
function pathOf(parent: Box, child: Box): string {
  const [x1, y1] = [parent.x + parent.width / 2, parent.y + parent.height];
  const [x2, y2] = [child.x + child.width / 2, child.y];
  const bend = Math.round((y2 - y1) / 2);
  return `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
}
