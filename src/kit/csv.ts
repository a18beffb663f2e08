/** A row of a table as text, with the line on which it begins, counted from 1. */
export interface CsvRow {
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * Rows of comma separated text (RFC 4180): quotes, doubled quotes, line breaks within them, either line end. Empty lines
 * are left out. A quote that never closes ends with the text. Reads no further than it is asked to.
 */
export function* readCsv(text: string): Generator<CsvRow> {
  let [at, line] = [text.startsWith('\ufeff') ? 1 : 0, 1];
  while (at < text.length) {
    const begun = line;
    const cells: string[] = [];
    let isOver = false;
    while (!isOver) {
      let cell = '';
      if (text[at] === '"') {
        for (at += 1; at < text.length; at += 1) {
          if (text[at] !== '"') {
            if (text[at] === '\n') line += 1;
            cell += text[at];
          } else if (text[at + 1] === '"') {
            cell += '"';
            at += 1;
          } else break;
        }
        at += 1;
      }
      const rest = /[,\r\n]/g;
      rest.lastIndex = at;
      const end = rest.exec(text)?.index ?? text.length;
      cells.push(cell + text.slice(at, end));
      at = end + 1;
      if (text[end] === ',') continue;
      if (text[end] === '\r' && text[end + 1] === '\n') at += 1;
      line += 1;
      isOver = true;
    }
    if (cells.length > 1 || cells[0]?.trim() !== '') yield { line: begun, cells };
  }
}

/** One line. What a spreadsheet would take for a formula is text there (OWASP, CSV injection), but for a number. */
export const csvLine = (cells: readonly string[]): string => `${cells.map(cellOf).join(',')}\n`;

function cellOf(value: string): string {
  const safe = /^(?!-\d+$)[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
