import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { spread, suppress } from '../../src/moderation/transparency/suppress.ts';

const TYPES = ['copyright', 'style', 'other'];
const OUTCOMES = ['remove', 'dismiss'];

test('counts below five are left out, and none looks like few', () => {
  const table = suppress(
    [
      { type: 'style', outcome: 'remove', count: 4 },
      { type: 'style', outcome: 'dismiss', count: 5 },
    ],
    TYPES,
    OUTCOMES,
  );
  const of = (type: string, outcome: string) =>
    table.cells.find((cell) => cell.type === type && cell.outcome === outcome)?.count;
  assert.deepEqual([of('style', 'remove'), of('style', 'dismiss'), of('other', 'remove')], [null, 5, null]);
});

test('scenario 59: whatever is hidden, what is published is the same, so no difference tells it', () => {
  const count = fc.nat({ max: 12 });
  const small = fc.nat({ max: 4 });
  fc.assert(
    fc.property(
      fc.array(count, { minLength: 6, maxLength: 6 }),
      fc.array(small, { minLength: 6, maxLength: 6 }),
      (real, others) => {
        const tableOf = (numbers: readonly number[]) =>
          suppress(
            TYPES.flatMap((type, row) =>
              OUTCOMES.map((outcome, column) => ({ type, outcome, count: numbers[row * 2 + column] ?? 0 })),
            ),
            TYPES,
            OUTCOMES,
          );
        // another node, on which every hidden cell holds some other small number
        const elsewhere = real.map((number, index) => (number < 5 ? (others[index] ?? 0) : number));
        assert.deepEqual(tableOf(real), tableOf(elsewhere));
      },
    ),
  );
});

test('a median is of at least five', () => {
  assert.equal(spread([1, 2, 3, 4]), null);
  assert.deepEqual(spread([50, 1, 3, 2, 4, 5, 6, 7, 8, 9]), { median: 5, p90: 9 });
});
