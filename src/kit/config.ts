import { z } from 'zod';

/** `true`, `1`, `yes` or their opposites; an empty string is the default. */
const flag = (fallback: boolean) =>
  z
    .string()
    .optional()
    .transform((text, ctx) => {
      if (text === undefined || text === '') return fallback;
      if (['true', '1', 'yes', 'on'].includes(text.toLowerCase())) return true;
      if (['false', '0', 'no', 'off'].includes(text.toLowerCase())) return false;
      ctx.addIssue({ code: 'custom', message: 'must be true or false' });
      return z.NEVER;
    });

const whole = (fallback: number, min: number, max: number) =>
  z
    .string()
    .optional()
    .transform((text) => (text === undefined || text === '' ? fallback : Number(text)))
    .pipe(z.int().min(min).max(max));

const text = z
  .string()
  .trim()
  .optional()
  .transform((value) => (value === '' ? undefined : value));

const choice = <const Values extends readonly [string, ...string[]]>(values: Values, fallback: Values[number]) =>
  z.preprocess((value) => (value === '' ? undefined : value), z.enum(values).default(fallback as Values[number]));

const url = (protocols: readonly string[]) =>
  text.transform((value, ctx) => {
    if (value === undefined) return undefined;
    if (!URL.canParse(value) || !protocols.includes(new URL(value).protocol)) {
      ctx.addIssue({
        code: 'custom',
        message: `must be an address that begins ${protocols.join(' or ')}`,
      });
      return z.NEVER;
    }
    return new URL(value);
  });

/** Names with commas between them, upper case, each of `values`. */
const words = <const Values extends readonly [string, ...string[]]>(
  values: Values,
  fallback: readonly Values[number][],
) =>
  text
    .transform((value) => value?.toUpperCase().split(/\s*,\s*/) ?? [...fallback])
    .pipe(z.array(z.enum(values, `must be some of ${values.join(', ')}`)));

/** Every setting that the environment may hold; `config/example.env` is written from it. Sizes are in MB (10⁶ bytes). */
const Environment = z.object({
  PORT: whole(3000, 0, 65535).describe('Port to listen on; 0 takes a free one.'),
  HOST: text.describe('Address to listen on. Default 127.0.0.1; 0.0.0.0 in a container.'),
  PUBLIC_URL: url(['http:', 'https:']).describe(
    'Where people and peers reach the node. Default http://localhost:PORT. Never change it after the first follow.',
  ),
  DATA_DIR: text.describe('Database, files and keys. Default ./data.'),
  DATABASE_URL: url(['postgresql:', 'postgres:', 'sqlite:']).describe(
    'postgresql://… for a node that grows. Default: SQLite in DATA_DIR.',
  ),
  REDIS_URL: url(['redis:', 'rediss:']).describe('Spreads jobs over several processes. Default: the embedded queue.'),
  S3_ENDPOINT: url(['http:', 'https:']).describe('S3-compatible store for files. Default: files in DATA_DIR.'),
  S3_BUCKET: text.describe('Bucket of the store.'),
  S3_REGION: text.describe('Region of the store. Default us-east-1.'),
  S3_ACCESS_KEY_ID: text.describe('Key of the store.'),
  S3_SECRET_ACCESS_KEY: text.describe('Secret of the store.'),
  ENGINE: choice(['auto', 'diffusers', 'comfyui', 'sdapi', 'none'], 'auto').describe(
    'What generates: auto and diffusers are the Python engine, comfyui and sdapi a server of yours, which does not train.',
  ),
  ENGINE_PYTHON: text.describe('Python of the engine. Default: .venv/bin/python, made by npm run engine:install.'),
  ENGINE_DEVICES: text.describe(
    'The GPUs to use, as CUDA numbers them, such as 0,1; each has an engine of its own. Default: all.',
  ),
  ENGINE_SANDBOX: choice(['auto', 'required', 'off'], 'auto').describe(
    'Run the engine in bubblewrap, without network: where it works, always, or never.',
  ),
  ENGINE_COMPILE: flag(false).describe(
    'Compile models with torch.compile (true or false): pays on a GPU that makes many pictures of one size.',
  ),
  ENGINE_BATCHING: choice(['auto', 'on', 'off'], 'auto').describe(
    'Make pictures of different requests in one go where only prompt, seed and guidance differ: auto does so on a GPU. Only by the Python engine of this machine.',
  ),
  COMFYUI_URL: url(['http:', 'https:']).describe(
    'A ComfyUI server of yours, for ENGINE=comfyui, such as http://127.0.0.1:8188.',
  ),
  SDAPI_URL: url(['http:', 'https:']).describe(
    'A server of yours that speaks /sdapi/v1, for ENGINE=sdapi: A1111 or Forge started with --api, or sd-server of stable-diffusion.cpp. A name and password in it are sent as --api-auth wants them.',
  ),
  MODELS_DIR: text.describe('Folder of checkpoints on this machine that the node offers besides the published ones.'),
  FEDERATION: choice(['open', 'allowlist', 'off'], 'open').describe('Who may federate with this node.'),
  FEDERATION_PRIVATE_ADDRESSES: flag(false).describe(
    'Lets peers on loopback and plain http in. For development and tests only; refused in production.',
  ),
  SMTP_URL: url(['smtp:', 'smtps:']).describe(
    'smtp://user:password@host:587. Without it, mail is shown to the owner in the admin pages.',
  ),
  MAIL_FROM: text.describe('Sender of mail. Default tessera@<host of PUBLIC_URL>.'),
  API_ANONYMOUS_LEVELS: words(['PG', 'PG-13', 'R', 'X', 'XXX'], ['PG']).describe(
    'Ratings that /api/v1 gives to those who send no token, such as PG,PG-13. Default PG.',
  ),
  CDN_PURGE_URL: url(['http:', 'https:']).describe(
    'Where your CDN takes orders to forget: it gets a POST with {"files": […], "tags": […]}, or one for each address when {url} stands in it.',
  ),
  CDN_PURGE_TOKEN: text.describe('Sent there as a bearer token.'),
  CLAMD_SOCKET: text.describe('Socket path or host:port of clamd; files are scanned by it.'),
  CLASSIFIER_URL: url(['http:', 'https:']).describe(
    'A classifier of yours that is asked about prompts and pictures before they go on. It can only make the node stricter.',
  ),
  CLASSIFIER_SECRET: text.describe(
    'Signs what the classifier is asked, by HMAC-SHA256. At least 16 characters; needed with CLASSIFIER_URL.',
  ),
  CLASSIFIER_MODE: choice(['active', 'shadow'], 'active').describe(
    'Whether the classifier decides, or is asked and only logged.',
  ),
  LOG_LEVEL: choice(['silent', 'error', 'warn', 'info', 'debug'], 'info').describe('How much is logged.'),
  SECRET_KEY: text.describe(
    'At least 32 characters. Default: made at first start and kept in DATA_DIR; set it when several processes on several machines share a node.',
  ),
  TRUSTED_PROXIES: whole(0, 0, 10).describe(
    'How many proxies stand before the node; their X-Forwarded-For is believed.',
  ),
  MAX_UPLOAD_MB: whole(16_000, 1, 1_000_000).describe('Largest file.'),
  MAX_IMAGE_MB: whole(50, 1, 1_000).describe('Largest picture.'),
  ACCOUNT_QUOTA_MB: whole(100_000, 1, 100_000_000).describe('Storage of one account, unless the owner gives it more.'),
  MIN_FREE_MB: whole(1_000, 0, 10_000_000).describe('Free disk under which uploads stop.'),
  ALLOW_PICKLE: flag(false).describe(
    'Accepts .ckpt and .pt files after a scan of their opcodes. They can run code on the machines of those who load them.',
  ),
  NODE_ENV: text.describe('production refuses the settings that are for development.'),
});

type Environment = z.output<typeof Environment>;

export interface S3Config {
  readonly endpoint: URL;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The settings in our own units. */
export interface Config {
  readonly port: number;
  readonly host: string;
  readonly publicUrl: URL;
  readonly dataDir: string;
  readonly databaseUrl: URL | null;
  readonly redisUrl: URL | null;
  readonly s3: S3Config | null;
  readonly engine: Environment['ENGINE'];
  readonly enginePython: string | null;
  readonly engineDevices: string | null;
  readonly engineSandbox: Environment['ENGINE_SANDBOX'];
  readonly engineCompiles: boolean;
  readonly engineBatching: Environment['ENGINE_BATCHING'];
  readonly comfyuiUrl: URL | null;
  readonly sdapiUrl: URL | null;
  readonly modelsDir: string | null;
  readonly federation: Environment['FEDERATION'];
  readonly federationPrivateAddresses: boolean;
  readonly smtpUrl: URL | null;
  readonly mailFrom: string;
  /** A template: `{url}` stands for one address. */
  readonly cdnPurgeUrl: URL | null;
  readonly cdnPurgeToken: string | null;
  readonly apiAnonymousLevels: readonly string[];
  readonly clamdSocket: string | null;
  readonly classifierUrl: URL | null;
  readonly classifierSecret: string;
  readonly isClassifierShadow: boolean;
  readonly logLevel: Environment['LOG_LEVEL'];
  readonly secretKey: string | null;
  readonly trustedProxyCount: number;
  readonly maxUploadBytes: number;
  readonly maxImageBytes: number;
  readonly accountQuotaBytes: number;
  readonly minFreeBytes: number;
  readonly allowPickle: boolean;
  readonly isProduction: boolean;
  /** The `tiny` model family of the tests (DESIGN.md ruling 10). */
  readonly testFamilies: boolean;
}

const MB = 1_000_000;

/** The mistakes of a configuration, all in one list, thrown before a port is opened. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads the environment. Throws `ConfigError` with every mistake on a line of its own. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const parsed = Environment.safeParse(env);
  const mistakes = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  if (!parsed.success) throw new ConfigError(`The settings do not fit:\n  ${mistakes.join('\n  ')}`);
  const e = parsed.data;

  const publicUrl = e.PUBLIC_URL ?? new URL(`http://localhost:${e.PORT}`);
  if (publicUrl.pathname !== '/' || publicUrl.search || publicUrl.hash || publicUrl.username) {
    mistakes.push('PUBLIC_URL: must be an origin, such as https://node.example');
  }
  // DESIGN.md section 5: production means that the public address is https, or NODE_ENV=production
  const isProduction = publicUrl.protocol === 'https:' || e.NODE_ENV === 'production';
  if (isProduction && e.FEDERATION_PRIVATE_ADDRESSES) {
    mistakes.push('FEDERATION_PRIVATE_ADDRESSES: is for development only, and this node is in production');
  }
  if (e.SECRET_KEY !== undefined && e.SECRET_KEY.length < 32) mistakes.push('SECRET_KEY: at least 32 characters');
  if (e.ENGINE_DEVICES !== undefined && !/^\s*\w[\w:-]*(\s*,\s*\w[\w:-]*)*\s*$/.test(e.ENGINE_DEVICES)) {
    mistakes.push('ENGINE_DEVICES: is a list such as 0,1');
  }
  if (e.ENGINE === 'comfyui' && !e.COMFYUI_URL) mistakes.push('COMFYUI_URL: is needed with ENGINE=comfyui');
  if (e.ENGINE === 'sdapi' && !e.SDAPI_URL) mistakes.push('SDAPI_URL: is needed with ENGINE=sdapi');
  if (e.CLASSIFIER_URL && (e.CLASSIFIER_SECRET ?? '').length < 16) {
    mistakes.push('CLASSIFIER_SECRET: at least 16 characters, with CLASSIFIER_URL');
  }
  if (e.S3_ENDPOINT && !(e.S3_BUCKET && e.S3_ACCESS_KEY_ID && e.S3_SECRET_ACCESS_KEY)) {
    mistakes.push('S3_ENDPOINT: needs S3_BUCKET, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY beside it');
  }
  if (mistakes.length > 0) throw new ConfigError(`The settings do not fit:\n  ${mistakes.join('\n  ')}`);

  return Object.freeze({
    port: e.PORT,
    host: e.HOST ?? '127.0.0.1',
    publicUrl,
    dataDir: e.DATA_DIR ?? './data',
    databaseUrl: e.DATABASE_URL ?? null,
    redisUrl: e.REDIS_URL ?? null,
    s3:
      e.S3_ENDPOINT && e.S3_BUCKET && e.S3_ACCESS_KEY_ID && e.S3_SECRET_ACCESS_KEY
        ? {
            endpoint: e.S3_ENDPOINT,
            bucket: e.S3_BUCKET,
            region: e.S3_REGION ?? 'us-east-1',
            accessKeyId: e.S3_ACCESS_KEY_ID,
            secretAccessKey: e.S3_SECRET_ACCESS_KEY,
          }
        : null,
    engine: e.ENGINE,
    enginePython: e.ENGINE_PYTHON ?? null,
    engineDevices: e.ENGINE_DEVICES ?? null,
    engineSandbox: e.ENGINE_SANDBOX,
    engineCompiles: e.ENGINE_COMPILE,
    engineBatching: e.ENGINE_BATCHING,
    comfyuiUrl: e.COMFYUI_URL ?? null,
    sdapiUrl: e.SDAPI_URL ?? null,
    modelsDir: e.MODELS_DIR ?? null,
    federation: e.FEDERATION,
    federationPrivateAddresses: e.FEDERATION_PRIVATE_ADDRESSES,
    smtpUrl: e.SMTP_URL ?? null,
    mailFrom: e.MAIL_FROM ?? `tessera@${publicUrl.hostname}`,
    cdnPurgeUrl: e.CDN_PURGE_URL ?? null,
    cdnPurgeToken: e.CDN_PURGE_TOKEN ?? null,
    apiAnonymousLevels: e.API_ANONYMOUS_LEVELS,
    clamdSocket: e.CLAMD_SOCKET ?? null,
    classifierUrl: e.CLASSIFIER_URL ?? null,
    classifierSecret: e.CLASSIFIER_SECRET ?? '',
    isClassifierShadow: e.CLASSIFIER_MODE === 'shadow',
    logLevel: e.LOG_LEVEL,
    secretKey: e.SECRET_KEY ?? null,
    trustedProxyCount: e.TRUSTED_PROXIES,
    maxUploadBytes: e.MAX_UPLOAD_MB * MB,
    maxImageBytes: e.MAX_IMAGE_MB * MB,
    accountQuotaBytes: e.ACCOUNT_QUOTA_MB * MB,
    minFreeBytes: e.MIN_FREE_MB * MB,
    allowPickle: e.ALLOW_PICKLE,
    isProduction,
    testFamilies: env.TESSERA_TEST_FAMILIES === 'true',
  });
}

/** The text of `config/example.env`: every setting with its description, commented out. */
export function exampleEnvironment(): string {
  const lines = ['# Every setting of Tessera. Written by `npm run config:example`; all are optional.', ''];
  for (const [name, field] of Object.entries(Environment.shape)) {
    lines.push(`# ${field.description ?? ''}`, `#${name}=`, '');
  }
  return lines.join('\n');
}
