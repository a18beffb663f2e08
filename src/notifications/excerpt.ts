import { renderMarkdown, renderRemoteHtml } from '../kit/web/markdown.ts';

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", nbsp: ' ' };

/** The first words of what somebody wrote, without marks: Markdown of ours, HTML of a peer. */
export function excerpt(text: string, isLocal: boolean, most = 140): string {
  // enough to begin with, so that a long text is not rendered whole
  const html = isLocal ? renderMarkdown(text.slice(0, 2_000)) : renderRemoteHtml(text.slice(0, 8_000));
  const plain = html
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(\w+|#39);/g, (whole, name: string) => ENTITIES[name] ?? whole)
    .replace(/\s+/g, ' ')
    .trim();
  return plain.length > most ? `${plain.slice(0, most).trimEnd()}…` : plain;
}
