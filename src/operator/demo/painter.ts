import { PALETTES, type Palette, type Rgb } from './palettes.ts';

/*
 * Landscapes for the demo, the same for the same seed. A scene is a function from a point to a colour: sky, sun, ridges
 * of noise that grow darker as they come near, and sometimes a lake that mirrors all of it. A style looks at the scene
 * through something: stone tiles, leaded glass, the layers of a print, or dots on paper.
 */
const STYLES = ['mosaic', 'glass', 'print', 'dots'] as const;
export type Style = (typeof STYLES)[number];

export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly style: Style;
  readonly palette: keyof typeof PALETTES;
  readonly seed: number;
}

/** From 0 to 1 for whole numbers; neighbours have nothing in common. */
function chance(x: number, y: number, seed: number): number {
  let h = Math.imul(x, 374_761_393) ^ Math.imul(y, 668_265_263) ^ Math.imul(seed, 2_246_822_519);
  h = Math.imul(h ^ (h >>> 13), 1_274_126_177);
  h = Math.imul(h ^ (h >>> 16), 2_246_822_519);
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
}

const smooth = (t: number): number => t * t * (3 - 2 * t);
const mix = (a: number, b: number, t: number): number => a + (b - a) * t;
const clamp = (t: number): number => Math.min(1, Math.max(0, t));
const blend = (a: Rgb, b: Rgb, t: number): Rgb => [mix(a[0], b[0], t), mix(a[1], b[1], t), mix(a[2], b[2], t)];
const shade = ([r, g, b]: Rgb, by: number): Rgb => [r * by, g * by, b * by];

function noise(x: number, y: number, seed: number): number {
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  const [u, v] = [smooth(x - x0), smooth(y - y0)];
  const above = mix(chance(x0, y0, seed), chance(x0 + 1, y0, seed), u);
  const below = mix(chance(x0, y0 + 1, seed), chance(x0 + 1, y0 + 1, seed), u);
  return mix(above, below, v);
}

/** Noise at several sizes, from 0 to 1. */
function clouds(x: number, y: number, seed: number, octaves: number): number {
  let [sum, weight, whole] = [0, 0.5, 0];
  for (let octave = 0; octave < octaves; octave += 1) {
    sum += noise(x * 2 ** octave, y * 2 ** octave, seed + octave) * weight;
    whole += weight;
    weight /= 2;
  }
  return sum / whole;
}

/** `u` goes from 0 to width / height, `v` from 0 at the top to 1. */
type Scene = (u: number, v: number) => Rgb;

function sceneOf({ width, height, seed, palette }: Canvas): Scene {
  const colours: Palette = PALETTES[palette];
  const pick = (n: number) => chance(n, 7, seed);
  const sun = { u: (width / height) * mix(0.2, 0.8, pick(1)), v: mix(0.18, 0.42, pick(2)), r: mix(0.05, 0.1, pick(3)) };
  const hasLake = pick(4) > 0.4;
  const shore = mix(0.66, 0.76, pick(5));
  const ridges = Array.from({ length: 5 }, (_, n) => ({
    base: mix(0.5, hasLake ? shore : 0.92, n / 4),
    rise: mix(0.3, 0.14, n / 4) * mix(0.7, 1.2, pick(10 + n)),
    every: mix(1.3, 2.6, n / 4),
    colour: blend(colours.far, colours.near, n / 4),
  }));
  const tops = new Map<number, readonly number[]>();
  const topsAt = (u: number): readonly number[] => {
    const key = Math.round(u * 1024);
    let found = tops.get(key);
    if (!found) {
      found = ridges.map(
        ({ base, rise, every }, n) => base - rise * clouds((key / 1024) * every + n * 17, n, seed + 100 + n, 5),
      );
      tops.set(key, found);
    }
    return found;
  };
  const sky: Scene = (u, v) => {
    const colour = blend(colours.top, colours.low, smooth(clamp(v / 0.6)));
    const cloud = smooth(clamp((clouds(u * 2.2, v * 9, seed + 50, 4) - 0.5) * 4));
    const away = Math.hypot(u - sun.u, v - sun.v);
    if (away < sun.r) return colours.sun;
    return blend(blend(colour, colours.cloud, cloud * 0.55), colours.sun, 0.65 * Math.exp(-away * 5));
  };
  const land: Scene = (u, v) => {
    const heights = topsAt(u);
    for (let n = ridges.length - 1; n >= 0; n -= 1) {
      const [ridge, top] = [ridges[n], heights[n]];
      if (!ridge || top === undefined || v < top) continue;
      // slopes lit from the side of the sun, and mist that gathers at their feet
      const light = clouds(u * 14 - v * 6, v * 20, seed + 200 + n, 3) - 0.5;
      const lit = shade(ridge.colour, 1 + light * 0.35 + 0.12 * Math.exp(-(v - top) * 30));
      return blend(lit, colours.low, clamp((v - top) / 0.28) * 0.45 * (1 - n / 5));
    }
    return sky(u, v);
  };
  return (u, v) => {
    if (!hasLake || v < shore) return land(u, v);
    const depth = (v - shore) / (1 - shore);
    const ripple = Math.sin(v * 150 + clouds(u * 5, v * 40, seed + 300, 2) * 9) * 0.012 * (0.4 + depth);
    const mirrored = land(u + ripple, shore - (v - shore) * 1.15);
    const gleam = clouds(u * 6, v * 90, seed + 301, 2) > 0.68 ? 1.12 : 1;
    return blend(shade(mirrored, 0.86 * gleam), colours.near, depth * 0.45);
  };
}

type Stroke = (x: number, y: number) => Rgb;

/** Cells around jittered points: the colour of the scene at the point, with a joint where two cells meet. */
function tiles(canvas: Canvas, scene: Scene, side: number, joint: number, ground: Rgb, vivid: number): Stroke {
  const { height, seed } = canvas;
  const columns = Math.ceil(canvas.width / side) + 3;
  const known = new Map<number, { x: number; y: number; colour: Rgb }>();
  const cell = (i: number, j: number) => {
    const key = (j + 1) * columns + i + 1;
    let found = known.get(key);
    if (!found) {
      const x = (i + 0.5 + (chance(i, j, seed + 1) - 0.5) * 0.8) * side;
      const y = (j + 0.5 + (chance(i, j, seed + 2) - 0.5) * 0.8) * side;
      const [r, g, b] = shade(scene(x / height, y / height), mix(0.9, 1.1, chance(i, j, seed + 3)));
      const grey = (r + g + b) / 3;
      found = { x, y, colour: [mix(grey, r, vivid), mix(grey, g, vivid), mix(grey, b, vivid)] };
      known.set(key, found);
    }
    return found;
  };
  return (x, y) => {
    const [ci, cj] = [Math.floor(x / side), Math.floor(y / side)];
    let [first, second] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    let nearest = cell(ci, cj);
    for (let j = cj - 1; j <= cj + 1; j += 1) {
      for (let i = ci - 1; i <= ci + 1; i += 1) {
        const point = cell(i, j);
        const away = Math.hypot(x - point.x, y - point.y);
        if (away < first) [second, first, nearest] = [first, away, point];
        else if (away < second) second = away;
      }
    }
    const edge = clamp((second - first) / joint);
    // the upper left of each piece catches the light
    const bevel = 1 + ((nearest.x - x + nearest.y - y) / side) * 0.09;
    return blend(ground, shade(nearest.colour, bevel), smooth(edge));
  };
}

function dots(canvas: Canvas, scene: Scene, side: number, paper: Rgb): Stroke {
  const { height, seed } = canvas;
  const known = new Map<number, { x: number; y: number; radius: number; colour: Rgb }>();
  const dot = (i: number, j: number) => {
    const key = (j + 1) * 4096 + i + 1;
    let found = known.get(key);
    if (!found) {
      const x = i * side + (j % 2 === 0 ? 0 : side / 2) + (chance(i, j, seed) - 0.5) * 2;
      const y = (j + 0.5) * side;
      found = { x, y, radius: side * mix(0.42, 0.56, chance(i, j, seed + 9)), colour: scene(x / height, y / height) };
      known.set(key, found);
    }
    return found;
  };
  return (x, y) => {
    let colour = paper;
    const row = Math.floor(y / side);
    for (let j = row - 1; j <= row + 1; j += 1) {
      const near = dot(Math.round((x - (j % 2 === 0 ? 0 : side / 2)) / side), j);
      const away = Math.hypot(x - near.x, y - near.y) - near.radius;
      if (away < 0.5) colour = blend(near.colour, colour, clamp(away + 0.5));
    }
    return colour;
  };
}

function print({ height, seed }: Canvas, scene: Scene): Stroke {
  return (x, y) => {
    const grain = 1 + (chance(x, y, seed + 5) - 0.5) * 0.05;
    const [r, g, b] = scene(x / height, y / height);
    const level = (value: number) => mix(value, Math.round(value / 14) * 14, 0.7) * grain;
    return [level(r), level(g), level(b)];
  };
}

function strokeOf(canvas: Canvas): Stroke {
  const scene = sceneOf(canvas);
  const unit = Math.max(canvas.width, canvas.height);
  switch (canvas.style) {
    case 'mosaic':
      return tiles(canvas, scene, unit / 62, 2.4, [38, 33, 30], 1.15);
    case 'glass':
      return tiles(canvas, scene, unit / 17, 5, [14, 13, 18], 1.6);
    case 'dots':
      return dots(canvas, scene, unit / 84, [240, 232, 218]);
    default:
      return print(canvas, scene);
  }
}

/** The picture as bytes of red, green and blue, row by row. */
export function paint(canvas: Canvas): Uint8Array {
  const { width, height } = canvas;
  const stroke = strokeOf(canvas);
  const pixels = new Uint8ClampedArray(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) pixels.set(stroke(x, y), (y * width + x) * 3);
  }
  return new Uint8Array(pixels.buffer);
}
