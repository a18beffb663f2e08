import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nameKey, scrubberOf } from '../../src/catalogue/names/scrub.ts';

const jane = scrubberOf(['Jané Doe']);

test('a name is found however it is spelt, spaced or drawn, and only as whole words', () => {
  for (const text of [
    'Jane Doe',
    'JANE  DOE style',
    'jane_doe-v2',
    'janedoe',
    'by Jane-Doe, oil',
    'janedoe2',
    'Jane\u200b Doe',
    'Ｊａｎｅ Ｄｏｅ',
    'Jаnе Dоe', // Cyrillic а, е and о
    'JΑNE DOΕ'.toLowerCase(), // Greek α and ε
    'Ja\u0301ne Doe',
    '𝐉𝐚𝐧𝐞 𝐃𝐨𝐞',
  ])
    assert.ok(jane?.has(text), text);
  for (const text of ['Janet Doerr', 'marijane doe'.replace(' ', 'x'), 'Jane went to Doe', 'Doe Jane', ''])
    assert.ok(!jane?.has(text), text);
});

test('the name alone is cut, and what it leaves behind is tidied', () => {
  assert.equal(jane?.scrub('In the style of Jane Doe, oil on canvas'), 'In the style of, oil on canvas');
  assert.equal(jane?.scrub('Jane Doe'), '');
  assert.equal(jane?.scrub('a cat, jane doe, masterpiece', '▇'), 'a cat, ▇, masterpiece');
  assert.equal(jane?.scrub('# Title\n\nJane Doe — painter\nkept'), '# Title\n\npainter\nkept');
  assert.equal(nameKey('  JANÉ-doe '), 'jane doe');
  assert.equal(scrubberOf([]), null);
  assert.equal(scrubberOf(['…']), null);
});

test('whatever stands around it, a scrubbed text has the name no more', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      (a, b) => {
        const scrubbed = jane?.scrub(`${a} Jane Doe ${b}`, '***') ?? '';
        assert.ok(!jane?.has(scrubbed));
      },
    ),
  );
});

test('a long text without the name passes as it is', () => {
  const text = 'jane '.repeat(100_000);
  assert.equal(jane?.scrub(text, 'x'), text);
});
