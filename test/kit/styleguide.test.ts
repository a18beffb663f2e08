import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assetUrl, findAsset } from '../../src/kit/web/assets.ts';
import * as filters from '../../src/kit/web/filters.ts';
import { renderPage } from '../../src/kit/web/views.ts';
import { samplePage, sampleProps } from './styleguide-props.ts';

const html = renderPage('styleguide', samplePage, sampleProps);

test('the style guide renders every component for a member and for a visitor', () => {
  assert.match(html, /<main id="main"/);
  assert.match(
    renderPage('styleguide', { ...samplePage, viewer: null, signUp: true }, sampleProps),
    /href="\/sign-up"/,
  );
});

test('no template writes what the CSP forbids: scripts, handlers and styles in the page', () => {
  assert.doesNotMatch(html, /\sstyle=|<style|\son\w+=|javascript:|<script(?![^>]*\ssrc=)/);
});

test('each input has a label and each picture an alt', () => {
  const labelled = new Set([...html.matchAll(/<label[^>]*\sfor="([^"]+)"/g)].map(([, id]) => id));
  for (const [tag] of html.matchAll(/<(?:input|textarea|select)\b[^>]*>/g)) {
    const id = /\sid="([^"]+)"/.exec(tag)?.[1];
    const isNamed = /type="hidden"|aria-label=|aria-hidden=/.test(tag) || labelled.has(id);
    // A filter's label holds its input instead of naming it.
    assert.ok(isNamed || /<label class="filter/.test(html.slice(html.indexOf(tag) - 120, html.indexOf(tag))), tag);
  }
  for (const [tag] of html.matchAll(/<img\b[^>]*>/g)) assert.match(tag, /\salt="/);
});

test('a sensitive picture is not in the page before somebody asks for it', () => {
  const hidden = sampleProps.images.find((image) => image.sensitive);
  const page = renderPage('styleguide', samplePage, {
    ...sampleProps,
    models: sampleProps.models.slice(5, 6),
    images: [...sampleProps.images.slice(0, 1), hidden],
  });
  assert.doesNotMatch(page, new RegExp(`\\ssrc(?:set)?="[^"]*/media/\\d+/${hidden?.id}\\.webp`));
  assert.match(page, new RegExp(`data-src="/media/640/${hidden?.id}\\.webp"`));
});

test('text of people is escaped', () => {
  const models = [{ ...sampleProps.models[0], name: '<b>"bold"</b>' }];
  assert.match(
    renderPage('styleguide', samplePage, { ...sampleProps, models }),
    /&lt;b&gt;&quot;bold&quot;&lt;\/b&gt;/,
  );
});

test('a value that is not there stops the page instead of leaving a hole', () => {
  assert.throws(
    () => renderPage('error', samplePage, { status: 404, message: 'x', requestId: 'x' }),
    /null or undefined/,
  );
});

test('the style sheet of all pages travels in under 15 KB and its address changes with its content', () => {
  assert.ok((findAsset('app.css')?.brotli.length ?? Number.POSITIVE_INFINITY) < 15_360);
  assert.match(assetUrl('app.css'), /^\/assets\/app\.css\?v=[0-9a-f]{12}$/);
  assert.throws(() => assetUrl('nothing.css'));
});

test('the style sheet uses only colours that tokens.css names', () => {
  const css = findAsset('app.css')?.body.toString() ?? '';
  assert.doesNotMatch(css, /#[0-9a-f]{3,8}[;\s}]|rgba?\(|hsla?\(/);
});

test('sizes, counts and times are said in words of people', () => {
  assert.equal(filters.bytes(6_938_040_682), '6.94 GB');
  assert.equal(filters.bytes(999), '999 B');
  assert.equal(filters.bytes(999_600), '1.00 MB');
  assert.equal(filters.count(1234), '1.2K');
  assert.equal(filters.day('2026-01-02T03:04:05Z'), 'Jan 2, 2026');
  assert.equal(filters.agoText(0, 7_200_000), '2 hours ago');
  assert.equal(filters.agoText(7_200_000, 0), 'in 2 hours');
});

test('JSON in a page cannot end its element', () => {
  assert.equal(String(filters.json('</script>')), '"\\u003c/script\\u003e"');
});

test('attributes that the CSP would block are refused', () => {
  assert.throws(() => filters.attrs({ onclick: 'x' }));
  assert.throws(() => filters.attrs({ style: 'x' }));
  assert.equal(
    String(filters.attrs({ 'hx-get': '/a?b="c"', hidden: true, title: null })),
    ' hx-get="/a?b=&quot;c&quot;" hidden',
  );
});
