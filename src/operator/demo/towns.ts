import { type DemoCollection, HILLS, SUNSETS } from './collections.ts';
import type { Style } from './painter.ts';
import type { PALETTES } from './palettes.ts';

interface Person {
  readonly name: string;
  readonly displayName: string;
  readonly bio: string;
}

export interface DemoModel {
  readonly owner: string;
  readonly name: string;
  readonly fileName: string;
  readonly style: Style;
  readonly words: readonly string[];
  readonly description: string;
  readonly tags: string;
}

export interface DemoPost {
  readonly owner: string;
  readonly model: string;
  readonly title: string;
  readonly tags: string;
  readonly pictures: readonly {
    readonly palette: keyof typeof PALETTES;
    readonly shape: 'wide' | 'tall' | 'square';
    readonly prompt: string;
  }[];
}

/** One node of the demo; the first of its people is the owner. */
export interface Town {
  readonly nodeName: string;
  readonly description: string;
  readonly people: readonly [Person, ...Person[]];
  readonly models: readonly DemoModel[];
  readonly posts: readonly DemoPost[];
  readonly remarks: readonly string[];
  readonly collections: readonly DemoCollection[];
  /** What somebody else found of each model, and what its maker answers. */
  readonly verdicts: readonly (readonly [review: string, answer: string])[];
}

const wide = (palette: keyof typeof PALETTES, prompt: string) => ({ palette, shape: 'wide' as const, prompt });
const tall = (palette: keyof typeof PALETTES, prompt: string) => ({ palette, shape: 'tall' as const, prompt });
const square = (palette: keyof typeof PALETTES, prompt: string) => ({ palette, shape: 'square' as const, prompt });

export const TOWNS: readonly [Town, Town] = [
  {
    nodeName: 'Pebble Bay',
    description: 'Landscapes in stone and glass.',
    people: [
      { name: 'mira', displayName: 'Mira Stone', bio: 'Lays tiles by day. Trains small models by night.' },
      { name: 'tomas', displayName: 'Tomás', bio: 'Church windows, mostly without churches.' },
      { name: 'juno', displayName: 'Juno', bio: 'I collect sunsets.' },
    ],
    models: [
      {
        owner: 'mira',
        name: 'Tesserae',
        fileName: 'tesserae.safetensors',
        style: 'mosaic',
        words: ['tesserae', 'stone mosaic'],
        description:
          'Landscapes laid in **small stone tiles** with dark joints.\n\nUse `tesserae` first in the prompt; 0.7 to 0.9 is a good weight.',
        tags: 'style, mosaic, landscape',
      },
      {
        owner: 'tomas',
        name: 'Leaded Light',
        fileName: 'leaded_light.safetensors',
        style: 'glass',
        words: ['leaded light', 'stained glass'],
        description: 'Stained glass: few large pieces, strong colour, black lead.\n\nLow CFG keeps the glass clear.',
        tags: 'style, glass, landscape',
      },
    ],
    posts: [
      {
        owner: 'mira',
        model: 'Tesserae',
        title: 'A week at the lake',
        tags: 'lake, morning',
        pictures: [
          wide('dawn', 'tesserae, a calm lake between hills at dawn'),
          tall('mint', 'tesserae, mist over green hills'),
          wide('dusk', 'tesserae, the last light over the bay'),
        ],
      },
      {
        owner: 'tomas',
        model: 'Leaded Light',
        title: 'Window for a harbour chapel',
        tags: 'sunset, glass',
        pictures: [
          tall('dusk', 'leaded light, the sun sinks behind the hills'),
          square('night', 'leaded light, full moon over the sea'),
        ],
      },
      {
        owner: 'juno',
        model: 'Tesserae',
        title: 'Embers',
        tags: 'sunset',
        pictures: [wide('ember', 'tesserae, red evening, a field after the fire')],
      },
      {
        owner: 'tomas',
        model: 'Leaded Light',
        title: 'Rose window, first try',
        tags: 'glass',
        pictures: [square('rose', 'leaded light, pink clouds over a quiet land')],
      },
      {
        owner: 'juno',
        model: 'Leaded Light',
        title: 'Green hour',
        tags: 'glass, hills',
        pictures: [wide('mint', 'leaded light, low sun over green hills')],
      },
    ],
    collections: [SUNSETS],
    remarks: ['The joints make it. What weight did you use?', 'This could hang in my kitchen.', 'Lovely light.'],
    verdicts: [['Holds its look up to a weight of 0.9; faces stay faces.', 'Thank you! Try 0.7 for portraits.']],
  },
  {
    nodeName: 'Paper Hill',
    description: 'Prints, dots and other flat things.',
    people: [
      { name: 'ines', displayName: 'Inês', bio: 'Printmaker. Five colours are enough.' },
      { name: 'kofi', displayName: 'Kofi', bio: 'Dots. Many dots.' },
      { name: 'lena', displayName: 'Lena', bio: 'Walks, then draws where she walked.' },
    ],
    models: [
      {
        owner: 'ines',
        name: 'Ridge Print',
        fileName: 'ridge_print.safetensors',
        style: 'print',
        words: ['ridge print', 'layered print'],
        description: 'Mountains as layers of ink, with the grain of the paper.\n\nTrained on 24 of my own prints.',
        tags: 'style, print, mountains',
      },
      {
        owner: 'kofi',
        name: 'Pointille',
        fileName: 'pointille.safetensors',
        style: 'dots',
        words: ['pointille'],
        description: 'Everything in round dots on warm paper.',
        tags: 'style, dots',
      },
    ],
    posts: [
      {
        owner: 'ines',
        model: 'Ridge Print',
        title: 'Five ridges',
        tags: 'mountains, print',
        pictures: [
          wide('ember', 'ridge print, five ridges under a low sun'),
          wide('night', 'ridge print, the moon rises behind the ridge'),
          tall('dawn', 'ridge print, lilac hills before sunrise'),
        ],
      },
      {
        owner: 'kofi',
        model: 'Pointille',
        title: 'Counting',
        tags: 'dots, hills',
        pictures: [wide('dusk', 'pointille, evening hills'), square('rose', 'pointille, a white sun in a rose sky')],
      },
      {
        owner: 'lena',
        model: 'Ridge Print',
        title: 'Where I walked on Sunday',
        tags: 'mountains',
        pictures: [tall('noon', 'ridge print, clear noon, far blue hills')],
      },
      {
        owner: 'lena',
        model: 'Pointille',
        title: 'The same, from memory',
        tags: 'dots',
        pictures: [wide('mint', 'pointille, green hills, pale sun')],
      },
      {
        owner: 'ines',
        model: 'Ridge Print',
        title: 'Violet proof',
        tags: 'print',
        pictures: [wide('rose', 'ridge print, violet evening')],
      },
    ],
    collections: [HILLS],
    remarks: ['The paper tone is just right.', 'How many steps is this?', 'I would buy the print.'],
    verdicts: [['The grain survives upscaling, which few of these do.', 'Good to know, I never went past 2×.']],
  },
];
