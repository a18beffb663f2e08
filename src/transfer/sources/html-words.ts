import sanitizeHtml from 'sanitize-html';

const LONGEST_HTML = 200_000;
const NOTHING = {
  allowedTags: ['p', 'br', 'li', 'a', 'h1', 'h2', 'h3', 'h4', 'strong', 'em', 'code'],
  allowedAttributes: { a: ['href'] },
};

/** HTML of elsewhere as Markdown: paragraphs, lists, links and emphasis stay, the rest is its text. */
export function markdownOf(html: string): string {
  const clean = sanitizeHtml(html.slice(0, LONGEST_HTML), NOTHING);
  return clean
    .replace(/<a href="(https?:[^"]*)">([^<]*)<\/a>/g, '[$2]($1)')
    .replace(/<(\/?)strong>/g, '**')
    .replace(/<(\/?)em>/g, '*')
    .replace(/<(\/?)code>/g, '`')
    .replace(/<h[1-4]>/g, '\n\n## ')
    .replace(/<li>/g, '\n- ')
    .replace(/<br \/>/g, '\n')
    .replace(/<p>/g, '\n\n')
    .replace(/<[^>]+>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}
