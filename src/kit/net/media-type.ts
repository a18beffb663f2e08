/** The bare type of a Content-Type header in lower case, with its parameters. */
export function readMediaType(header: string | undefined): { type: string; parameters: ReadonlyMap<string, string> } {
  const [type = '', ...rest] = (header ?? '').split(';');
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const equals = part.indexOf('=');
    if (equals === -1) continue;
    const value = part.slice(equals + 1).trim();
    parameters.set(part.slice(0, equals).trim().toLowerCase(), value.replace(/^"(.*)"$/s, '$1'));
  }
  return { type: type.trim().toLowerCase(), parameters };
}

/** True when the header names one of the given types (`image/*` allows a family). */
export function hasMediaType(header: string | undefined, allowed: readonly string[]): boolean {
  const { type } = readMediaType(header);
  return allowed.some((one) => (one.endsWith('/*') ? type.startsWith(one.slice(0, -1)) : type === one));
}
