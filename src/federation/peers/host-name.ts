import { domainToASCII } from 'node:url';

/** `Evil.Example`, `https://evil.example/@x` and `münchen.example` as they stand in addresses; '' for what is no host. */
export function readHost(text: string): string {
  const bare = text
    .trim()
    .replace(/^https?:\/\//i, '')
    .replace(/^@?[^@/]*@/, '')
    .split('/')[0];
  const [, name = '', port = ''] = /^(.*?)(:\d{1,5})?$/.exec(bare ?? '') ?? [];
  const ascii = domainToASCII(name.replace(/\.$/, '')).toLowerCase();
  const isName = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/.test(ascii);
  return isName && ascii.length <= 253 ? `${ascii}${port}` : '';
}
