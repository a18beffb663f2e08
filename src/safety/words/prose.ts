/** What is longer is read so far: no page shows more of it at once. */
const MOST_CHARACTERS = 120_000;
/** Below what the engine takes as one text (prompts/screen.ts). */
const PIECE = 4_000;
/** Twice read, so that two words meet also where a piece ends. */
const OVERLAP = 200;

/** Markdown, or HTML of a peer, cut into texts that the engine takes. */
export function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  const end = Math.min(text.length, MOST_CHARACTERS);
  for (let from = 0; from < end; from += PIECE - OVERLAP) {
    const piece = text.slice(from, Math.min(from + PIECE, end)).trim();
    if (piece !== '') pieces.push(piece);
    if (from + PIECE >= end) break;
  }
  return pieces;
}

const BLOCK = /<\/?(?:p|br|div|li|ul|ol|h[1-6]|blockquote|pre|table|tr|td|th)\b[^<>]*>/gi;
const INLINE = /<[^<>]*>/g;
const BRACKETS = /[()[\]{}<>|]/g;

/**
 * A piece as it is read, in the thread. Brackets are no grammar of prompts here, and a mark-up in the middle of a word
 * does not part it. Where a word stands is not told, so that nothing has to be mapped back.
 */
export const plainOf = (piece: string): string =>
  piece.replace(BLOCK, '\n').replace(INLINE, '').replace(BRACKETS, ' ').replace(/\s+/g, ' ').trim();
