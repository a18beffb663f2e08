import { cropped, type Margins, mirrored, quarterTurned, tilted, trimmed } from './luma.ts';
import { LEAST_QUALITY, type Luma, type Pdq, pdqOf } from './pdq.ts';

const CENTRE_SHARES = [1, 0.97, 0.94, 0.91, 0.88, 0.85, 0.82, 0.79];
const SIDE_CUTS = [0.03, 0.06, 0.09, 0.12, 0.15];
const TILTS_DEGREES = [2, -2];

const NOTHING: Margins = { left: 0, top: 0, right: 0, bottom: 0 };
const CUTS: readonly Margins[] = [
  ...CENTRE_SHARES.map((share) => {
    const cut = (1 - share) / 2;
    return { left: cut, top: cut, right: cut, bottom: cut };
  }),
  ...(['left', 'top', 'right', 'bottom'] as const).flatMap((side) =>
    SIDE_CUTS.map((cut) => ({ ...NOTHING, [side]: cut })),
  ),
];

/**
 * The 61 hashes by which a banned picture is known (spec/guardrails.md section 4): 8 crops of the middle and 20 of the
 * sides, each plain and mirrored, three quarter turns, and two tilts. The first is the plain hash of the whole.
 */
export function variantsOf(luma: Luma): Pdq[] {
  const cuts = CUTS.map((margins) => cropped(luma, margins));
  const quarter = quarterTurned(luma);
  const half = quarterTurned(quarter);
  return [
    ...cuts,
    ...cuts.map(mirrored),
    ...[quarter, half, quarterTurned(half)],
    ...TILTS_DEGREES.map((degrees) => tilted(luma, degrees)),
  ].map(pdqOf);
}

/** The hashes by which a picture asks: plain, and without its border when it has one. Weak ones are left out. */
export function queriesOf(luma: Luma): string[] {
  const inner = trimmed(luma);
  const made = [luma, ...(inner ? [inner] : [])].map(pdqOf).filter(({ quality }) => quality >= LEAST_QUALITY);
  return [...new Set(made.map(({ hash }) => hash))];
}
