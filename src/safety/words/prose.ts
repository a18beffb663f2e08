/** What is longer is read so far: no page shows more of it at once. */
const MOST_CHARACTERS = 120_000;
/** Below what the engine takes as one text (prompts/screen.ts), and of few words. */
const PIECE = 4_000;
/** Twice read, so that two words meet also where a piece ends. */
const OVERLAP = 120;

const BLOCK = /<\/?(?:p|br|div|li|ul|ol|h[1-6]|blockquote|pre|table|tr|td|th)\b[^<>]*>/gi;
const INLINE = /<[^<>]*>/g;
const BRACKETS = /[()[\]{}<>|]/g;

/**
 * Markdown, or HTML of a peer, as pieces that the engine reads. Brackets are no grammar of prompts here, and a mark-up in
 * the middle of a word does not part it.
 */
export function piecesOf(source: string): string[] {
  const text = source
    .slice(0, MOST_CHARACTERS)
    .replace(BLOCK, '\n')
    .replace(INLINE, '')
    .replace(BRACKETS, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const pieces: string[] = [];
  for (let from = 0; from < text.length; ) {
    const end = from + PIECE;
    pieces.push(text.slice(from, end));
    if (end >= text.length) break;
    const space = text.indexOf(' ', end - OVERLAP);
    from = space < 0 || space > end ? end - OVERLAP : space;
  }
  return pieces;
}
