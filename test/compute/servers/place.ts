import type { TestContext } from 'node:test';
import type { Account } from '../../../src/accounts/model.ts';
import type { ModelFile } from '../../../src/catalogue/model.ts';
import { Browser } from '../../accounts/browser.ts';
import { givenMember } from '../../factories/accounts.ts';
import { givenFile, givenModel, givenVersion } from '../../factories/content.ts';
import { type TestNode, testNode } from '../../node.ts';

export interface Place extends TestNode {
  readonly browser: Browser;
  readonly ada: Account;
  readonly checkpoint: ModelFile;
  readonly lora: ModelFile;
}

/** A node whose pictures another program makes, with Ada signed in, a checkpoint and a LoRA published. */
export async function place(
  t: TestContext,
  env: Record<string, string>,
  sha256s: Partial<Record<'checkpoint' | 'lora', string>> = {},
): Promise<Place> {
  const node = await testNode(t, {
    realTime: true,
    env,
    serverTimes: { lookEveryMs: 100, pollMs: 50, awayMs: 400, stepMs: 20_000, queueMs: 20_000 },
  });
  const ada = await givenMember(node.em, 'ada');
  const given = (type: 'Checkpoint' | 'LORA', name: string, sha256?: string) => {
    const model = givenModel(node.em, { name, type, baseModel: 'SD 1.5' });
    const version = givenVersion(node.em, { model, baseModel: 'SD 1.5' });
    return givenFile(node.em, { version, name: `${name}.safetensors`, ...(sha256 ? { sha256 } : {}) });
  };
  const checkpoint = given('Checkpoint', 'quiet-ink', sha256s.checkpoint);
  const lora = given('LORA', 'pale-light', sha256s.lora);
  await node.em.flush();
  const browser = new Browser(await node.start('web', 'worker', 'gpu'));
  await browser.signIn('ada');
  return { ...node, browser, ada, checkpoint, lora };
}

export const formFor = (checkpoint: Pick<ModelFile, 'id'>, more: Record<string, string> = {}) => ({
  ...{ model: String(checkpoint.id), prompt: 'a red circle', size: '64x64', steps: '2', cfgScale: '3' },
  ...{ sampler: 'Euler a', schedule: 'Karras', seed: '7', count: '1', clipSkip: '1' },
  ...more,
});

/** Waits until it is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 15_000; !(await isSo()); ) {
    if (Date.now() > end) throw new Error('It did not come to be.');
    await new Promise((done) => setTimeout(done, 20));
  }
}
