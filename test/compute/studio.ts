import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { EntityManager } from '@mikro-orm/core';
import type { Account } from '../../src/accounts/model.ts';
import type { ModelFile } from '../../src/catalogue/model.ts';
import { checkEngine, type EngineCheck } from '../../src/compute/engine/check.ts';
import type { EngineLimits } from '../../src/compute/engine/watchdog.ts';
import type { Files } from '../../src/kit/storage/files.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenFile, givenModel, givenVersion } from '../factories/content.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { type TestNode, type TestNodeOptions, testNode } from '../node.ts';

export const ROOT = path.join(import.meta.dirname, '../..');
const FAKE = path.join(import.meta.dirname, 'engine', 'fake_engine.py');

export interface Studio extends TestNode {
  readonly address: URL;
  readonly browser: Browser;
  readonly ada: Account;
  readonly checkpoint: ModelFile;
  readonly lora: ModelFile;
}

/** Waits shortly for what an engine does not do. */
export const SHORT: Partial<EngineLimits> = {
  startMs: 20_000,
  ackMs: 2_000,
  heartbeatMs: 1_000,
  killMs: 200,
  cancelMs: 1_000,
  stepMs: 1_000,
  backoffMs: [10, 20],
  maxCrashes: 10,
};

interface StudioOptions {
  readonly python: string;
  readonly limits?: Partial<EngineLimits>;
  readonly training?: TestNodeOptions['training'];
  readonly queueTimes?: TestNodeOptions['queueTimes'];
  readonly env?: Record<string, string>;
}

/** A node that generates, with Ada signed in, a published checkpoint and a published LoRA (the tiny ones). */
export async function studio(
  t: TestContext,
  { python, limits, training, queueTimes, env = {} }: StudioOptions,
): Promise<Studio> {
  const node = await testNode(t, {
    realTime: true,
    env: {
      ...{ ENGINE: 'diffusers', ENGINE_PYTHON: python, TESSERA_TEST_FAMILIES: 'true' },
      // the fake engine dies of signals that are to be seen
      ENGINE_SANDBOX: python === beside ? 'auto' : 'off',
      ...env,
    },
    ...(limits ? { engineLimits: limits } : {}),
    ...(training ? { training } : {}),
    ...(queueTimes ? { queueTimes } : {}),
  });
  const address = await node.start('web', 'worker', 'gpu');
  const browser = new Browser(address);
  const ada = await givenMember(node.em, 'ada');
  await browser.signIn('ada');
  const checkpoint = await givenTinyModel(node.em, node.node.files, 'tiny-base', 'Checkpoint', 'Tiny Shapes');
  const lora = await givenTinyModel(node.em, node.node.files, 'tiny-style-lora', 'LORA', 'Tiny Style');
  return { ...node, address, browser, ada, checkpoint, lora };
}

export async function givenTinyModel(
  em: EntityManager,
  files: Files,
  fixture: string,
  type: 'Checkpoint' | 'LORA',
  name: string,
): Promise<ModelFile> {
  const bytes = await readFile(path.join(ROOT, 'test/fixtures', `${fixture}.safetensors`));
  const { sha256, totalBytes } = await files.put(bytes);
  const model = givenModel(em, { name, type, baseModel: 'Other' });
  const version = givenVersion(em, { model, baseModel: 'Other' });
  const file = givenFile(em, { version, name: `${fixture}.safetensors`, sha256, totalBytes });
  await em.flush();
  return file;
}

export const fakeEngineProgram = (args: readonly string[]): string =>
  `#!/bin/sh\nexec python3 "${FAKE}" --write ${args.join(' ')} "$@"\n`;

/** A program in the place of Python that runs the fake engine. */
export async function fakePython(t: TestContext, ...args: string[]): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'fake-python-'));
  t.after(() => rm(folder, { recursive: true }));
  const program = path.join(folder, 'python');
  await writeFile(program, fakeEngineProgram(args));
  await chmod(program, 0o755);
  return program;
}

/** The operator's folder of models, with what the fake engine takes for a tagger in it. */
export async function captionerFolder(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  await putTagger(folder);
  return folder;
}

export async function putTagger(folder: string): Promise<void> {
  await mkdir(path.join(folder, 'captioner'));
  for (const name of ['model.onnx', 'selected_tags.csv']) await writeFile(path.join(folder, 'captioner', name), 'x');
}

const beside = path.join(ROOT, '.venv/bin/python');

/** The true engine, or why it is not here. */
export async function trueEngine(): Promise<{ python: string; skip: string | false }> {
  const python = process.env.ENGINE_PYTHON ?? (existsSync(beside) ? beside : null);
  const check: EngineCheck = await checkEngine(python, path.join(ROOT, 'src/compute/engine'), true);
  const isRequired = Boolean(process.env.TESSERA_REQUIRE_ENGINE);
  if (!check.ok && isRequired) throw new Error(`the engine needs ${check.missing}: ${check.command}`);
  return {
    python: python ?? '',
    skip: check.ok ? false : `the engine is not installed: it needs ${check.missing}. Run "${check.command}".`,
  };
}

export const formOf = (checkpoint: Pick<ModelFile, 'id'>, more: Record<string, string | readonly string[]> = {}) => ({
  model: String(checkpoint.id),
  prompt: 'a red circle',
  size: '32x32',
  steps: '12',
  cfgScale: '3',
  sampler: 'Euler',
  schedule: 'Automatic',
  seed: '7',
  count: '1',
  clipSkip: '1',
  ...more,
});

export interface SentEvent {
  readonly event: string;
  readonly id: string | null;
  readonly data: Record<string, unknown>;
}

/** Reads an event stream until it ends; `onEvent` may end it by returning true. */
export async function readEvents(
  browser: Browser,
  address: string,
  onEvent: (event: SentEvent) => unknown = () => false,
): Promise<SentEvent[]> {
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const answer = await fetch(new URL(address, browser.address), { headers: { cookie } });
  const events: SentEvent[] = [];
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    rest += decoder.decode(chunk, { stream: true });
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? null;
      const event = field('event');
      if (!event) continue;
      const sent = { event, id: field('id'), data: JSON.parse(field('data') ?? '{}') as Record<string, unknown> };
      events.push(sent);
      if (onEvent(sent) === true) return events;
    }
  }
  return events;
}
