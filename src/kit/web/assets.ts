import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const FOLDER = new URL('../../../views/assets/', import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webmanifest': 'application/manifest+json',
};

export interface Asset {
  body: Buffer;
  /** Made when somebody first asks for it, so that the start does not wait for it. */
  readonly gzip: Buffer;
  readonly brotli: Buffer;
  type: string;
  /** The first 12 characters of the SHA-256, also the `v` of its address. */
  version: string;
}

/** Layers are named in `css/tokens.css`, which is why it comes first; within a folder the order is the alphabet's. */
const STYLES = ['css/tokens.css', 'css/reset.css', 'css/base.css', 'css/components/', 'css/pages/'];
/** What few people open: their pages name `staff.css` in their head, and nobody else loads it. */
const STAFF_STYLES = ['css/staff/'];
/** The same for tools that few use: `tools.css`. */
const TOOL_STYLES = ['css/tools/'];

/**
 * Everything a browser loads besides pages, in memory and compressed once: about 200 KB. `app.css` is the style files
 * one after the other; `app.js` is the custom elements, each in a block of its own, because they import nothing.
 */
function readAssets(): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const path of listFiles('')) {
    const type = TYPES[extname(path)];
    if (type && !path.startsWith('css/') && !path.startsWith('icons/')) assets.set(path, makeAsset(read(path), type));
  }
  for (const [name, paths] of [
    ['app.css', STYLES],
    ['staff.css', STAFF_STYLES],
    ['tools.css', TOOL_STYLES],
  ] as const) {
    const styles = paths.flatMap((path) => (path.endsWith('/') ? listFiles(path) : [path])).map((path) => read(path));
    assets.set(name, makeAsset(shrinkCss(styles.join('\n')), TYPES['.css'] ?? ''));
  }
  const scripts = listFiles('js/').map((path) => `{\n${read(path)}}\n`);
  assets.set('app.js', makeAsset(scripts.join(''), TYPES['.js'] ?? ''));
  return assets;
}

const read = (path: string): string | Buffer => {
  const bytes = readFileSync(new URL(path, FOLDER));
  return /\.(css|js|svg|webmanifest)$/.test(path) ? bytes.toString('utf8') : bytes;
};

function listFiles(folder: string): string[] {
  try {
    return readdirSync(new URL(folder, FOLDER), { withFileTypes: true })
      .sort((a, b) => a.name.localeCompare(b.name))
      .flatMap((entry) => (entry.isDirectory() ? listFiles(`${folder}${entry.name}/`) : [`${folder}${entry.name}`]));
  } catch {
    return [];
  }
}

/** Comments and needless spaces go; renaming and merging would save little more after compression and cost a dependency. */
const shrinkCss = (css: string): string =>
  css
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};]) ?/g, '$1')
    .replace(/([:,]) /g, '$1');

function makeAsset(content: string | Buffer, type: string): Asset {
  const body = Buffer.from(content);
  const version = createHash('sha256').update(body).digest('hex').slice(0, 12);
  let gzip: Buffer | undefined;
  let brotli: Buffer | undefined;
  return {
    body,
    type,
    version,
    get gzip() {
      gzip ??= gzipSync(body);
      return gzip;
    },
    get brotli() {
      // 11, the default, takes half a second for all assets on a slow core
      brotli ??= brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
      return brotli;
    },
  };
}

let assets: ReadonlyMap<string, Asset> | undefined;

/** The file behind `/assets/<path>`, or null. */
export function findAsset(path: string): Asset | null {
  assets ??= readAssets();
  return assets.get(path) ?? null;
}

const urls = new Map<string, string>();

/** `/assets/<path>?v=<hash>`, which may be cached for ever. Throws for a file that is not there, so a typo fails a test. */
export function assetUrl(path: string): string {
  let url = urls.get(path);
  if (url === undefined) {
    const asset = findAsset(path);
    if (!asset) throw new Error(`There is no asset ${path}.`);
    url = `/assets/${path}?v=${asset.version}`;
    urls.set(path, url);
  }
  return url;
}

interface AssetContext {
  method: string;
  path: string;
  status: number;
  body: unknown;
  type: string;
  querystring: string;
  fresh: boolean;
  set(headers: Record<string, string>): void;
  vary(name: string): void;
  acceptsEncodings(...encodings: string[]): string | false;
}

/** Koa middleware for `/assets/*`. */
export async function serveAssets(ctx: AssetContext, next: () => Promise<unknown>): Promise<void> {
  // a service worker rules the paths below its own, so it stands at the root
  const path = ctx.path === '/sw.js' ? '/assets/sw.js' : ctx.path;
  const asset = path.startsWith('/assets/') ? findAsset(path.slice('/assets/'.length)) : null;
  if (!asset || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) {
    await next();
    return;
  }
  const isPinned = ctx.querystring === `v=${asset.version}`;
  const encoding = ctx.acceptsEncodings('br', 'gzip', 'identity');
  ctx.vary('Accept-Encoding');
  ctx.status = 200;
  ctx.type = asset.type;
  ctx.set({
    'Cache-Control': isPinned ? 'public, max-age=31536000, immutable' : 'no-cache',
    ETag: `"${asset.version}-${encoding || 'identity'}"`,
    'X-Content-Type-Options': 'nosniff',
  });
  if (ctx.fresh) {
    ctx.status = 304;
    return;
  }
  if (encoding === 'br' || encoding === 'gzip') ctx.set({ 'Content-Encoding': encoding });
  ctx.body = encoding === 'br' ? asset.brotli : encoding === 'gzip' ? asset.gzip : asset.body;
}

/** The inner markup of an icon, or null. They are lucide's (ISC licence, in `views/assets/icons/LICENSE`). */
export function readIcon(name: string): string | null {
  if (!/^[a-z0-9-]+$/.test(name)) return null;
  try {
    const svg = readFileSync(new URL(`icons/${name}.svg`, FOLDER), 'utf8');
    return (/<svg[^>]*>([\s\S]*)<\/svg>/.exec(svg)?.[1] ?? '').replace(/\s+/g, ' ').trim();
  } catch {
    return null;
  }
}
