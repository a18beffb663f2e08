import MarkdownIt from 'markdown-it';
import sanitizeHtml from 'sanitize-html';

/*
 * One sanitiser for what people here write in Markdown and for the HTML that peers send. Pictures become links, because a
 * picture from elsewhere would tell its server who reads this page, and would stand outside our ratings.
 */

const RELATION = 'nofollow noopener noreferrer ugc';

/** The classes that Mastodon and its relatives give to hashtags and mentions; nothing else may keep a class. */
const LINK_CLASSES = ['mention', 'hashtag', 'u-url'];

const RULES: sanitizeHtml.IOptions = {
  allowedTags: [
    ...['p', 'br', 'hr', 'a', 'em', 'strong', 'b', 'i', 'u', 's', 'del', 'code', 'pre', 'kbd', 'sub', 'sup', 'span'],
    ...['ul', 'ol', 'li', 'blockquote', 'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
  ],
  allowedAttributes: { a: ['href', 'rel', 'class'], ol: ['start'] },
  allowedClasses: { a: LINK_CLASSES },
  allowedSchemes: ['https', 'http', 'mailto'],
  allowedSchemesAppliedToAttributes: ['href'],
  allowProtocolRelative: false,
  nestingLimit: 30,
  transformTags: {
    // The page has its own h1 and h2, and headings stay in order.
    h1: 'h3',
    h2: 'h4',
    a: (_tag, { href, class: classes }) => ({
      tagName: 'a',
      attribs: {
        ...(href ? { href, rel: RELATION } : {}),
        ...(classes ? { class: classes } : {}),
      },
    }),
    img: (_tag, { src, alt }) =>
      src
        ? {
            tagName: 'a',
            attribs: { href: src, rel: RELATION },
            text: alt || src,
          }
        : { tagName: 'span', attribs: {}, text: alt ?? '' },
  },
};

const markdown = new MarkdownIt({
  html: false,
  linkify: true,
  breaks: true,
  typographer: false,
});
// `linkify` should find addresses, not every word with a dot in it: file names such as model.safetensors.py are common.
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });

/** Texts are shown far more often than they are written, and reading one takes longer than the page around it. */
const MOST_KEPT_CHARACTERS = 4_000_000;

/** The same function, which remembers its newest answers up to a total length. */
function remembering(render: (text: string) => string): (text: string) => string {
  const answers = new Map<string, string>();
  let keptCharacters = 0;
  return (text) => {
    const known = answers.get(text);
    if (known !== undefined) return known;
    const html = render(text);
    answers.set(text, html);
    keptCharacters += text.length + html.length;
    for (const [oldest, itsHtml] of answers) {
      if (keptCharacters <= MOST_KEPT_CHARACTERS) break;
      answers.delete(oldest);
      keptCharacters -= oldest.length + itsHtml.length;
    }
    return html;
  };
}

/** Markdown as HTML that may be shown. */
export const renderMarkdown = remembering((text) => sanitizeHtml(markdown.render(text), RULES));

/** HTML of a peer, with only what our own pages could say. */
export const renderRemoteHtml = remembering((html) => sanitizeHtml(html, RULES));
