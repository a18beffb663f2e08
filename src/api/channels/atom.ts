import { escapeHtml } from '../../kit/web/filters.ts';

export interface AtomEntry {
  readonly title: string;
  /** Its page, which is its id too. */
  readonly url: string;
  /** ISO. */
  readonly updatedAt: string;
  readonly author: string;
  readonly authorUrl: string;
  /** HTML that was sanitised. */
  readonly html: string;
}

export interface AtomFeed {
  readonly title: string;
  /** Its own address. */
  readonly url: string;
  readonly pageUrl: string;
  readonly nextUrl: string | null;
  readonly updatedAt: string;
  readonly entries: readonly AtomEntry[];
}

/** RFC 4287, and RFC 5005 for the page that follows. */
export const writeAtom = (feed: AtomFeed): string =>
  `<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<id>${text(feed.url)}</id>
<title>${text(feed.title)}</title>
<updated>${feed.updatedAt}</updated>
<link rel="self" type="application/atom+xml" href="${text(feed.url)}"/>
<link rel="alternate" type="text/html" href="${text(feed.pageUrl)}"/>
${feed.nextUrl === null ? '' : `<link rel="next" href="${text(feed.nextUrl)}"/>\n`}${feed.entries.map(entryOf).join('\n')}
</feed>
`;

const entryOf = (entry: AtomEntry): string => `<entry>
<id>${text(entry.url)}</id>
<title>${text(entry.title)}</title>
<updated>${entry.updatedAt}</updated>
<link rel="alternate" type="text/html" href="${text(entry.url)}"/>
<author><name>${text(entry.author)}</name><uri>${text(entry.authorUrl)}</uri></author>
<content type="html">${text(entry.html)}</content>
</entry>`;

/** XML 1.0 has no word for most control characters, so they are left out (2.2). */
const text = (value: string): string =>
  escapeHtml(
    value
      .replace(/\p{Surrogate}/gu, '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not stand in it
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, ''),
  );
