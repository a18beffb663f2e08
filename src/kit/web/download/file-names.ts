/** Longest name that every common file system takes, with room for a browser's " (1)". */
const MAX_NAME_BYTES = 200;

/**
 * A name that is safe to offer for saving: no path, no control or invisible characters, none that turn the reading
 * order round (`gpj.exe` that looks like `exe.jpg`), no device names of Windows, not hidden, not too long.
 */
export function safeFileName(name: string): string {
  const visible = name
    .slice(0, 1000)
    .replace(/\p{Surrogate}/gu, '\uFFFD')
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')
    .replace(/[/\\:*?"<>|]/g, '_')
    .replace(/\s+/g, ' ')
    .replace(/^[. ]+|[. ]+$/g, '');
  const named = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(visible) ? `_${visible}` : visible;
  return shortened(named) || 'download';
}

/** Cuts the stem and keeps the extension. */
function shortened(name: string): string {
  const extension = /\.[^. ]{1,20}$/.exec(name)?.[0] ?? '';
  const stem = [...name.slice(0, name.length - extension.length)];
  while (Buffer.byteLength(stem.join('') + extension) > MAX_NAME_BYTES) stem.pop();
  return stem.join('') + extension;
}

/**
 * Both forms, as RFC 6266 (appendix D) advises: `filename` in ASCII for old programs, without `%`, which some of them
 * decode, and `filename*` (RFC 8187) for the rest. The first stands last: programs for Civitai, whose storage sends it alone,
 * take all that follows `filename=` for the name (civitdl 2.2.0 does).
 */
export function contentDisposition(disposition: 'attachment' | 'inline', name: string): string {
  const safe = safeFileName(name);
  const ascii = safe.replace(/[^ -~]/gu, '_').replace(/["\\%]/g, '_');
  const encoded = encodeURIComponent(safe).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `${disposition}; filename*=UTF-8''${encoded}; filename="${ascii}"`;
}
