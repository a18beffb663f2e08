import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderMarkdown, renderRemoteHtml } from '../../src/kit/web/markdown.ts';

test('Markdown becomes plain markup whose links pass on nothing', () => {
  assert.equal(
    renderMarkdown('**Bold** and https://example.org'),
    '<p><strong>Bold</strong> and <a href="https://example.org" rel="nofollow noopener noreferrer ugc">https://example.org</a></p>\n',
  );
});

test('markup in Markdown stays text', () => {
  assert.match(renderMarkdown('<script>alert(1)</script>'), /^<p>&lt;script&gt;/);
});

test('a picture from elsewhere becomes a link', () => {
  assert.equal(
    renderMarkdown('![A cat](https://example.org/cat.png)'),
    '<p><a href="https://example.org/cat.png" rel="nofollow noopener noreferrer ugc">A cat</a></p>\n',
  );
});

test('HTML of a peer loses scripts, handlers, styles, ids and unknown classes, and keeps mentions', () => {
  assert.equal(
    renderRemoteHtml('<p id="x" style="color:red" class="big" onclick="y()">Hi <script>z()</script><b>there</b></p>'),
    '<p>Hi <b>there</b></p>',
  );
  assert.equal(
    renderRemoteHtml('<a href="https://example.org/@iris" class="u-url mention evil" target="_blank">@iris</a>'),
    '<a href="https://example.org/@iris" rel="nofollow noopener noreferrer ugc" class="u-url mention">@iris</a>',
  );
});

test('addresses that run something are dropped', () => {
  for (const href of ['javascript:alert(1)', 'data:text/html,x', 'JaVaScRiPt:alert(1)', '//example.org/x']) {
    assert.doesNotMatch(renderRemoteHtml(`<a href="${href}">x</a>`), /href/);
  }
  assert.doesNotMatch(renderRemoteHtml('<img src="javascript:alert(1)" alt="x">'), /javascript/);
});
