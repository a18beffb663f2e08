/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [number, number, number];

export interface Palette {
  readonly top: Rgb;
  readonly low: Rgb;
  readonly sun: Rgb;
  readonly cloud: Rgb;
  readonly far: Rgb;
  readonly near: Rgb;
}

/** Hours of the day. */
export const PALETTES = {
  dawn: {
    top: [96, 124, 178],
    low: [250, 206, 178],
    sun: [255, 240, 214],
    cloud: [255, 224, 214],
    far: [170, 150, 178],
    near: [44, 46, 74],
  },
  noon: {
    top: [52, 124, 190],
    low: [206, 232, 236],
    sun: [255, 250, 224],
    cloud: [250, 252, 250],
    far: [132, 174, 178],
    near: [26, 74, 66],
  },
  dusk: {
    top: [62, 44, 104],
    low: [246, 146, 98],
    sun: [255, 214, 140],
    cloud: [226, 104, 110],
    far: [140, 84, 120],
    near: [30, 22, 48],
  },
  night: {
    top: [10, 16, 42],
    low: [52, 84, 122],
    sun: [236, 240, 226],
    cloud: [40, 62, 104],
    far: [38, 62, 94],
    near: [6, 12, 26],
  },
  ember: {
    top: [120, 36, 34],
    low: [250, 186, 86],
    sun: [255, 246, 196],
    cloud: [232, 104, 52],
    far: [186, 82, 56],
    near: [44, 16, 22],
  },
  mint: {
    top: [122, 186, 176],
    low: [244, 240, 210],
    sun: [255, 255, 240],
    cloud: [226, 246, 230],
    far: [122, 176, 150],
    near: [22, 66, 72],
  },
  rose: {
    top: [150, 110, 168],
    low: [255, 214, 214],
    sun: [255, 244, 226],
    cloud: [250, 176, 190],
    far: [190, 130, 160],
    near: [70, 34, 70],
  },
} as const satisfies Record<string, Palette>;
