import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import fc from 'fast-check';
import sharp from 'sharp';
import { DatasetItem } from '../../src/compute/datasets/model.ts';
import { captionSubject } from '../../src/compute/datasets/notes/person-words.ts';
import { TrainSettings } from '../../src/compute/training/params.ts';
import { startTraining } from '../../src/compute/training/start.ts';
import { ORIGINS, originOf } from '../../src/gallery/images/origin.ts';
import { jpegSegments, writeJpeg } from '../../src/kit/storage/carriers/jpeg.ts';
import { pngChunks, writePng } from '../../src/kit/storage/carriers/png.ts';
import { textOf } from '../accounts/browser.ts';
import { until } from '../kit/queue-setup.ts';
import { fakePython, SHORT, type Studio, studio } from './studio.ts';

const plain = (width = 320, height = 240, background = '#484') =>
  sharp({ create: { width, height, channels: 3, background } });

type ExifOf = Parameters<ReturnType<typeof plain>['withExif']>[0];
const jpegWith = (exif: ExifOf) => plain().withExif(exif).jpeg().toBuffer();

async function pngWith(type: string, data: Buffer): Promise<Buffer> {
  const chunks = pngChunks(await plain().png().toBuffer());
  return writePng([...chunks.slice(0, 1), { type, data }, ...chunks.slice(1)]);
}
const text = (key: string, value: string) => pngWith('tEXt', Buffer.from(`${key}\0${value}`));

const INFOTEXT = 'a boat, ink\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512';
const exposed = { IFD2: { ExposureTime: '1/125', FNumber: '28/10' } };
const xmp = (body: string) => pngWith('iTXt', Buffer.from(`XML:com.adobe.xmp\0\0\0\0\0${body}`));

test('a picture is a photograph when its file names a camera or a phone', async () => {
  assert.equal(await originOf(await jpegWith({ IFD0: { Make: 'Canon', Model: 'EOS R5' }, ...exposed })), 'camera');
  assert.equal(await originOf(await jpegWith({ IFD0: { Make: 'NIKON CORPORATION' } })), 'camera');
  assert.equal(await originOf(await jpegWith({ IFD0: { Make: 'Nobody Knows', Model: 'X1' }, ...exposed })), 'camera');
  assert.equal(await originOf(await jpegWith({ IFD0: { Make: 'Apple', Model: 'iPhone 17' }, ...exposed })), 'phone');
  assert.equal(await originOf(await jpegWith({ IFD0: { Make: 'SONY', Model: 'XQ-DE54' } })), 'phone');
  assert.equal(await originOf(await jpegWith({ IFD0: { Make: 'SAMSUNG', Model: 'NX300' }, ...exposed })), 'camera');
  const webp = await plain()
    .withExif({ IFD0: { Make: 'Google', Model: 'Pixel 9' } })
    .webp()
    .toBuffer();
  assert.equal(await originOf(webp), 'phone');
  const avif = await plain(64, 64)
    .withExif({ IFD0: { Make: 'Canon' } })
    .avif({ effort: 0 })
    .toBuffer();
  assert.equal(await originOf(avif), 'camera');
});

test('a picture is generated when its file has a recipe, or says that AI made it, and edited by what edited it', async () => {
  assert.equal(await originOf(await text('parameters', INFOTEXT)), 'generated');
  assert.equal(
    await originOf(await xmp('<x Iptc4xmpExt:DigitalSourceType="…/trainedAlgorithmicMedia"/>')),
    'generated',
  );
  const manifest = 'c2pa.actions … digitalsourcetype/trainedAlgorithmicMedia';
  assert.equal(await originOf(await pngWith('caBX', Buffer.from(manifest))), 'generated');
  const { segments, scan } = jpegSegments(await plain().jpeg().toBuffer());
  assert.equal(
    await originOf(writeJpeg({ segments: [{ marker: 0xeb, data: Buffer.from(manifest) }, ...segments], scan })),
    'generated',
  );
  const composite = Buffer.from('digitalsourcetype/compositeWithTrainedAlgorithmicMedia');
  assert.equal(await originOf(await pngWith('caBX', composite)), 'edited');
  assert.equal(await originOf(await text('Software', 'Adobe Photoshop 27.0')), 'edited');
  // ComfyUI keeps its graph where cameras have their names
  assert.equal(
    await originOf(await jpegWith({ IFD0: { Make: 'workflow:{"nodes": []}', Model: 'prompt:{"1": {}}' } })),
    'unknown',
  );
  for (const format of ['png', 'jpeg', 'webp', 'gif', 'avif'] as const)
    assert.equal(await originOf(await plain(32, 32).toFormat(format).toBuffer()), 'unknown', format);
});

test('a recipe that is pasted into a photograph makes it no generated picture', async () => {
  const photo = await jpegWith({ IFD0: { Make: 'Canon', ImageDescription: INFOTEXT }, ...exposed });
  assert.equal(await originOf(photo), 'camera');
});

test('hostile EXIF is looked at within limits and never breaks anything', async () => {
  const photo = await jpegWith({ IFD0: { Make: 'Canon', Model: 'EOS' }, ...exposed });
  const start = photo.indexOf('Exif');
  const room = photo.readUInt16BE(4) - 8;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(room - 1), fc.nat(255)), { minLength: 1, maxLength: 30 }),
      async (changes) => {
        const broken = Buffer.from(photo);
        for (const [at, byte] of changes) broken[start + 6 + at] = byte;
        assert.ok(ORIGINS.includes(await originOf(broken)));
      },
    ),
    { numRuns: 150 },
  );
  // directories that point at themselves, and a make of a megabyte
  const loop = Buffer.alloc(26);
  Buffer.from('II*\0').copy(loop);
  loop.writeUInt32LE(8, 4);
  loop.writeUInt16LE(1, 8);
  loop.writeUInt16LE(0x8769, 10);
  loop.writeUInt16LE(4, 12);
  loop.writeUInt32LE(0xffffffff, 14);
  loop.writeUInt32LE(8, 18);
  assert.equal(await originOf(await pngWith('eXIf', loop)), 'unknown');
  assert.equal(await originOf(await jpegWith({ IFD0: { Make: 'Canon'.repeat(5_000) } })), 'unknown');
});

test('captions that speak of a person or name somebody are told, in several languages', () => {
  const speak = [
    ...['1girl, solo, long_hair', '2boys', 'Multiple Girls, outdoors', 'a woman in a red coat', 'Selfie at the beach'],
    ...['eine Frau am Fenster', 'un homme à vélo', 'una niña con un perro', 'retrato de um homem', 'een meisje'],
    ...[
      'портрет девушки',
      'молодая женщина у окна',
      'kobieta w kapeluszu',
      '女性のイラスト',
      '一个女人',
      '여자 초상화',
    ],
  ];
  for (const caption of speak) assert.equal(captionSubject(caption), 'person', caption);
  const names = [
    ...['a photo of Ada Lovelace in a garden', 'Foto von Ada Lovelace', 'photo de Ada Lovelace', 'фото Ады Лавлейс'],
  ];
  for (const caption of names) assert.equal(captionSubject(caption), 'name', caption);
  const silent = [
    '',
    'a boat, ink',
    'photo of a cat',
    'manga page',
    'a womanly vase',
    'no humans, landscape',
    '猫の写真',
  ];
  for (const caption of silent) assert.equal(captionSubject(caption), 'none', caption);
  assert.equal(captionSubject(`${'photo of '.repeat(100_000)}`), 'none');
});

async function upload({ browser }: Studio, setUrl: string, files: Readonly<Record<string, Uint8Array>>) {
  const form = new FormData();
  for (const [name, bytes] of Object.entries(files)) form.append('pictures', new Blob([new Uint8Array(bytes)]), name);
  assert.equal((await browser.postForm(`${setUrl}/images`, form)).status, 302);
}

const itemsOf = ({ node }: Studio) =>
  node.orm.em.fork().find(DatasetItem, { deletedAt: null }, { orderBy: { position: 1 } });

test('what a picture was is noted before its metadata goes, shown to its owner and frozen into a run', async (t) => {
  const its = await studio(t, { python: await fakePython(t), limits: SHORT });
  const { location: setUrl } = await its.browser.post('/datasets', { name: 'Faces' });
  const photo = await jpegWith({ IFD0: { Make: 'Canon' }, ...exposed });
  await upload(its, setUrl, {
    'photo.jpg': photo,
    'photo.txt': Buffer.from('photo of Ada Lovelace'),
    'made.png': await text('parameters', INFOTEXT),
    'plain.png': await plain(90, 90).png().toBuffer(),
  });
  await until('all were looked at', async () => (await itemsOf(its)).every(({ faceCount }) => faceCount !== null));
  const [first, ...others] = await itemsOf(its);
  assert.deepEqual([first?.origin, first?.faceCount], ['camera', 3]);
  assert.deepEqual(
    others.map(({ origin, faceCount }) => [origin, faceCount]),
    [
      ['generated', 3],
      ['unknown', 0],
    ],
  );
  assert.ok(!(await buffer(its.node.files.open(first?.sha256 ?? ''))).includes('Canon'));

  const page = textOf((await its.browser.get(setUrl)).text);
  assert.match(page, /Noted: 1 photograph · 1 generated · 2 with faces · 1 caption speaks of a person/);
  assert.match(page, /Photograph 3 faces Name in caption/);
  assert.match(page, /nothing is refused because of them/);

  const run = await startTraining(
    its.workAs(its.ada),
    its.node.trainer,
    {
      ...{ datasetId: setUrl.split('/').at(-1) ?? '', name: 'Mine', baseKey: String(its.checkpoint.id) },
      ...{ preset: 'style', look: 'standard', startEpochId: null },
      settings: TrainSettings.parse({
        ...{ trigger: '', caption_mode: 'tags', resolution: 32, repeats: 1_000, epochs: 1, max_steps: 2, batch: 1 },
        ...{ rank: 4, alpha: 4, unet_lr: 1e-3, te_lr: 0, optimizer: 'adamw', lr_schedule: 'constant' },
        ...{ min_snr_gamma: 0, noise_offset: 0, shuffle_tags: false, keep_tokens: 0, clip_skip: 1, seed: 1 },
        ...{ bucket: {}, samples: { prompts: ['a circle'], w: 32, h: 32 }, save: {} },
      }),
    },
    { rightsStatement: 'They are mine.', defaultQuotaBytes: 1e12 },
  );
  assert.deepEqual(
    run.manifest.items.map(({ notes }) => notes),
    [
      { origin: 'camera', faceCount: 3, captionSubject: 'name' },
      { origin: 'generated', faceCount: 3, captionSubject: 'none' },
      { origin: 'unknown', faceCount: 0, captionSubject: 'none' },
    ],
  );
});

test('a picture that is cut anew is looked at anew', async (t) => {
  const its = await studio(t, { python: await fakePython(t), limits: SHORT });
  const { location: setUrl } = await its.browser.post('/datasets', { name: 'Faces' });
  await upload(its, setUrl, { 'a.png': await plain().png().toBuffer() });
  const faceCount = async () => (await itemsOf(its))[0]?.faceCount;
  await until('it was looked at', async () => (await faceCount()) === 3);
  const [item] = await itemsOf(its);
  const part = { left: '0', top: '0', width: '110', height: '100' };
  assert.equal((await its.browser.post(`/dataset-images/${item?.id}/crop`, part)).status, 302);
  await until('it was looked at again', async () => (await faceCount()) === 1);
});

test('without a detector pictures are not looked at, and nothing waits for it', async (t) => {
  const its = await studio(t, { python: await fakePython(t, '--no-faces'), limits: SHORT });
  const { location: setUrl } = await its.browser.post('/datasets', { name: 'Faces' });
  await upload(its, setUrl, { 'a.png': await plain().png().toBuffer() });
  await its.settle();
  assert.equal((await itemsOf(its))[0]?.faceCount, null);
  assert.match(textOf((await its.browser.get(setUrl)).text), /1 not looked at for faces/);
});
