import { encode } from 'blurhash';
import type { PageHead, PageState } from '../../src/kit/web/views.ts';

/** Content of the style guide: the shapes that pages pass to the components, with every case that looks different. */
export const samplePage: PageState & PageHead = {
  node: { name: 'Glasshouse', description: 'Film looks and portraits' },
  viewer: {
    id: 1,
    name: 'mara',
    displayName: 'Mara Lind',
    avatarUrl: null,
    can: { moderate: true, administer: true, generate: true, train: true, publish: true },
    unreadCount: 2,
  },
  path: '/models',
  theme: 'dark',
  title: 'Style guide',
};

const owner = { name: 'ansel', displayName: 'Ansel Okafor', host: '', url: '/@ansel', avatarUrl: null };
const faraway = {
  name: 'iris',
  displayName: 'Iris',
  host: 'pictures.example',
  url: '/@iris@pictures.example',
  avatarUrl: null,
};

const SIZES = [
  [1216, 832],
  [832, 1216],
  [1024, 1024],
  [1344, 768],
  [768, 1344],
  [1152, 896],
  [896, 1152],
] as const;

/** A BlurHash of two colours, so that each tile looks different without a fixture. */
function sampleBlur(n: number): string {
  const rgba = new Uint8ClampedArray(4 * 4 * 4);
  for (let i = 0; i < 16; i++) {
    const [x, y] = [i % 4, Math.floor(i / 4)];
    rgba.set([(n * 53 + x * 40) % 256, (n * 97 + y * 35) % 200, (n * 31 + (x + y) * 25) % 230, 255], i * 4);
  }
  return encode(rgba, 4, 4, 3, 3);
}

const blurs = Array.from({ length: 12 }, (_, n) => sampleBlur(n));

const sampleImages = (count: number) =>
  Array.from({ length: count }, (_, n) => {
    const [width, height] = SIZES[n % SIZES.length] ?? [512, 512];
    return {
      id: n + 1,
      url: `/images/${n + 1}`,
      width,
      height,
      blur: blurs[n % blurs.length],
      alt: n % 3 ? 'A lighthouse in the evening' : '',
      caption: n % 2 ? 'Evening light over the harbour, third attempt' : '',
      sensitive: n % 9 === 4,
      rating: 'R',
      owner: n % 4 ? owner : faraway,
      likeCount: n * 37,
      imageCount: n % 5 ? 1 : 4,
    };
  });

const sampleModels = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    url: `/models/${n + 1}`,
    name: ['Analog Film', 'Copperplate Etching and Other Old Prints for Calm Landscapes', 'Nocturne XL'][n % 3],
    type: ['LORA', 'Checkpoint', 'TextualInversion'][n % 3],
    baseModel: ['SD 1.5', 'SDXL 1.0', 'Flux.1 D'][n % 3],
    cover: n % 6 === 5 ? null : sampleImages(20)[n % 20],
    owner: n % 4 ? owner : faraway,
    downloadCount: n * 1234,
    likeCount: n * 87,
    imageCount: n * 12,
  }));

const comment = (id: number, depth: number, html: string) => ({
  id,
  account: depth ? faraway : owner,
  html,
  postedAt: new Date(Date.now() - id * 7_200_000),
  depth,
  likeUrl: `/comments/${id}/like`,
  liked: id === 1,
  likeCount: id * 3,
  canDelete: id === 2,
  deleteUrl: `/comments/${id}/delete`,
  reportUrl: '/report',
});

export const sampleProps = {
  images: sampleImages(24),
  models: sampleModels(9),
  when: new Date(Date.now() - 3 * 3_600_000),
  menuItems: [
    { label: 'Edit', href: '#', icon: 'pencil' },
    { label: 'Delete', action: '/x/delete', icon: 'trash-2', confirm: 'Delete it?', danger: true },
  ],
  tabItems: [
    { label: 'Models', href: '#', current: true, count: 1284 },
    { label: 'Images', href: '#', count: 31_400 },
    { label: 'Collections', href: '#' },
  ],
  filterGroups: [
    {
      name: 'types',
      label: 'Type',
      value: 'LORA',
      options: [
        { value: '', label: 'All' },
        { value: 'LORA', label: 'LoRA' },
      ],
    },
    {
      name: 'sort',
      label: 'Sort',
      value: 'new',
      options: [
        { value: 'new', label: 'Newest' },
        { value: 'top', label: 'Most liked' },
      ],
    },
    {
      name: 'period',
      label: 'Period',
      value: '',
      options: [
        { value: '', label: 'All time' },
        { value: 'Week', label: 'Week' },
      ],
    },
  ],
  sampleRecipe: {
    tool: 'A1111',
    prompt:
      'lighthouse at dusk, heavy fog rolling in over the harbour, analog film, kodak portra 400, <lora:analog:0.8>',
    negativePrompt: 'blurry, text, watermark',
    parameters: [
      { label: 'Sampler', value: 'DPM++ 2M Karras' },
      { label: 'Steps', value: 28 },
      { label: 'CFG scale', value: 6.5 },
      { label: 'Seed', value: 3141592653, copy: '3141592653' },
      { label: 'Size', value: '832 × 1216' },
      { label: 'Clip skip', value: 2 },
    ],
    resources: [
      { name: 'Analog Film', version: 'v2', type: 'LORA', weight: 0.8, url: '/models/1' },
      { name: 'dreamshaper_8', type: 'Checkpoint' },
    ],
    copyText: 'lighthouse',
    workflowUrl: '#',
    remixUrl: '#',
  },
  figures: [
    { label: 'Downloads', value: '12.4K', icon: 'download' },
    { label: 'Likes', value: '1.2K', icon: 'heart' },
    { label: 'Pictures', value: '384', icon: 'image' },
  ],
  conversation: [
    comment(1, 0, 'The grain is lovely. Which scheduler did you use?'),
    comment(2, 1, 'Karras, 28 steps. It holds up down to 20.'),
    comment(3, 0, 'Works well with SDXL too.'),
  ],
};
