import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ConfigError, exampleEnvironment, readConfig } from '../../src/kit/config.ts';

test('config/example.env is what `npm run config:example` writes', () => {
  const committed = readFileSync(new URL('../../config/example.env', import.meta.url), 'utf8');
  assert.equal(committed, exampleEnvironment());
});

test('without a setting a node of one person starts: SQLite, files on disk, jobs in the process', () => {
  const config = readConfig({});
  assert.equal(config.publicUrl.href, 'http://localhost:3000/');
  assert.deepEqual(
    [config.port, config.host, config.dataDir, config.databaseUrl, config.redisUrl, config.s3, config.isProduction],
    [3000, '127.0.0.1', './data', null, null, null, false],
  );
});

test('an empty value is the default, as in an .env file that somebody copied', () => {
  const empty = Object.fromEntries(
    [...exampleEnvironment().matchAll(/^#([A-Z0-9_]+)=$/gm)].map((match) => [match[1] ?? '', '']),
  );
  assert.deepEqual(readConfig(empty), readConfig({}));
});

test('every mistake comes in one list', () => {
  const wrong = {
    PORT: '99999',
    PUBLIC_URL: 'ftp://node.example',
    DATABASE_URL: 'mysql://localhost/x',
    REDIS_URL: 'localhost:6379',
    ENGINE: 'steam',
    ALLOW_PICKLE: 'perhaps',
    MAX_UPLOAD_MB: '-1',
  };
  assert.throws(
    () => readConfig(wrong),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      for (const name of Object.keys(wrong)) assert.match(error.message, new RegExp(`^ {2}${name}: `, 'm'));
      return true;
    },
  );
});

test('settings that do not go together are refused together', () => {
  const wrong = {
    PUBLIC_URL: 'https://node.example/path',
    FEDERATION_PRIVATE_ADDRESSES: 'true',
    SECRET_KEY: 'short',
    ENGINE: 'comfyui',
    S3_ENDPOINT: 'https://s3.example',
  };
  assert.throws(
    () => readConfig(wrong),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      const named = ['PUBLIC_URL', 'FEDERATION_PRIVATE_ADDRESSES', 'SECRET_KEY', 'COMFYUI_URL', 'S3_ENDPOINT'];
      for (const name of named) assert.match(error.message, new RegExp(`^ {2}${name}: `, 'm'));
      return true;
    },
  );
});

test('peers on private addresses are for development: NODE_ENV=production and https refuse them', () => {
  const env = { FEDERATION_PRIVATE_ADDRESSES: 'true' };
  assert.equal(readConfig(env).federationPrivateAddresses, true);
  assert.throws(() => readConfig({ ...env, NODE_ENV: 'production' }), ConfigError);
  assert.throws(() => readConfig({ ...env, PUBLIC_URL: 'https://node.example' }), ConfigError);
});

test('sizes are read in megabytes and held in bytes', () => {
  const config = readConfig({ MAX_UPLOAD_MB: '8000', MIN_FREE_MB: '0' });
  assert.deepEqual([config.maxUploadBytes, config.minFreeBytes], [8_000_000_000, 0]);
});
