import type { Vault } from '../../../kit/storage/vault/vault.ts';
import { clearBytes, type DropModels } from '../../vault/clear.ts';
import { giveBack } from '../../vault/give-back.ts';
import { takeBytes } from '../../vault/take.ts';
import { defineTakedownStep, done, type TakedownStepDefinition } from '../step.ts';
import { thingsOf } from '../things.ts';

/**
 * Originals leave the store. They lie in the vault unless the decision says that nothing is kept; what peers own has an
 * original at its home. The rows keep what a tombstone needs.
 */
export const vaultStep = (vault: Vault): TakedownStepDefinition =>
  defineTakedownStep({
    name: 'vault',
    outcomes: ['remove', 'hash_only', 'undo'],
    async run(work, order) {
      if (order.outcome === 'undo') {
        const { back, lost } = await giveBack(work, vault, order.parameters.undoes ?? '');
        return done(`${back} back, ${lost} lost`);
      }
      const isKept = order.outcome === 'remove' && order.parameters.vault !== false;
      const things = await thingsOf(work.em, order.target);
      return done(`${await takeBytes(work, order, things, isKept ? vault : null)} taken`);
    },
  });

/** Every size, preview and copy that was made from it, and the bytes that nobody else has. */
export const clearBytesStep = (dropModels: DropModels): TakedownStepDefinition =>
  defineTakedownStep({
    name: 'clear-bytes',
    outcomes: ['remove', 'hash_only'],
    async run(work, order) {
      const things = await thingsOf(work.em, order.target);
      return done(`${await clearBytes(work, order, things, dropModels)} blobs gone`);
    },
  });
