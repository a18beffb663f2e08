import { createHash } from 'node:crypto';
import { csvLine } from '../../kit/csv.ts';
import type { DomainPolicy } from '../peers/model.ts';

export const EXPORTS = [
  ...(['mastodon-csv', 'mastodon-allows', 'fediblockhole-csv', 'fediblockhole-json', 'gotosocial-text'] as const),
  ...(['gotosocial-json', 'mastodon-json', 'rapidblock-csv', 'tessera-csv'] as const),
] as const;
export type Export = (typeof EXPORTS)[number];

const severityOf = ({ stance, isLimited }: DomainPolicy): string =>
  stance === 'blocked' ? 'suspend' : isLimited ? 'silence' : 'noop';
const isSaid = (policy: DomainPolicy): boolean =>
  policy.stance === 'blocked' || policy.isLimited || policy.rejectsMedia;

/**
 * The words of this node as a file (spec/blocklists.md 1.1). Notes for staff stand in none of them. Of those formats that
 * know less, rows that would say nothing there are left out.
 */
export function writeList(format: Export, policies: readonly DomainPolicy[]): string {
  const blocked = policies.filter(({ stance }) => stance === 'blocked');
  switch (format) {
    case 'mastodon-allows':
      return table(
        ['#domain'],
        policies.filter(({ stance }) => stance === 'allowed').map(({ host }) => [host]),
      );
    case 'mastodon-csv':
      return table(MASTODON, policies.filter(isSaid).map(mastodonCells));
    case 'tessera-csv':
      return table(
        [...MASTODON, '#reject_files', '#no_mirror', '#force_rating', '#expires_at', '#reason_code', '#source'],
        policies.filter((one) => one.stance !== 'allowed').map((one) => [...mastodonCells(one), ...ownCells(one)]),
      );
    case 'fediblockhole-csv':
      return table(
        FEDIBLOCKHOLE,
        policies.filter(isSaid).map((one) => FEDIBLOCKHOLE.map((name) => String(holeOf(one)[name]))),
      );
    case 'fediblockhole-json':
      return json(policies.filter(isSaid).map(holeOf));
    case 'gotosocial-text':
    case 'rapidblock-csv':
      return blocked.map(({ host }) => `${host}\n`).join('');
    case 'gotosocial-json':
      return json(
        blocked.map(({ host, since, publicComment }) => ({
          ...{ domain: host, suspended_at: since.toISOString(), public_comment: publicComment },
        })),
      );
    case 'mastodon-json':
      return json(
        policies
          .filter(({ stance, isLimited }) => stance === 'blocked' || isLimited)
          .map((one) => ({
            domain: one.isObfuscated ? starred(one.host) : one.host,
            digest: createHash('sha256').update(one.host).digest('hex'),
            severity: severityOf(one),
            comment: one.publicComment,
          })),
      );
  }
}

const MASTODON = ['#domain', '#severity', '#reject_media', '#reject_reports', '#public_comment', '#obfuscate'] as const;
const FEDIBLOCKHOLE = [
  ...(['domain', 'severity', 'public_comment', 'private_comment', 'reject_media', 'reject_reports'] as const),
  'obfuscate' as const,
] as const;

const mastodonCells = (one: DomainPolicy): string[] => [
  ...[one.host, severityOf(one), String(one.rejectsMedia), String(one.rejectsReports)],
  ...[one.publicComment, String(one.isObfuscated)],
];

const ownCells = (one: DomainPolicy): string[] => [
  ...[String(one.rejectsFiles), String(one.forbidsMirror), one.forcedLevel == null ? '' : String(one.forcedLevel)],
  ...[one.expiresAt?.toISOString() ?? '', one.reasonCode, one.source === '' ? 'own' : 'list'],
];

const holeOf = (one: DomainPolicy): Record<(typeof FEDIBLOCKHOLE)[number], string | boolean> => ({
  ...{ domain: one.host, severity: severityOf(one), public_comment: one.publicComment, private_comment: '' },
  ...{ reject_media: one.rejectsMedia, reject_reports: one.rejectsReports, obfuscate: one.isObfuscated },
});

const table = (head: readonly string[], lines: readonly (readonly string[])[]): string =>
  `${head.join(',')}\n${lines.map(csvLine).join('')}`;
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** As Mastodon stars out: the middle half of the name, dots stay (app/models/domain_block.rb, public_domain). */
function starred(host: string): string {
  const quarter = Math.floor(host.length / 4);
  const isShown = (index: number) => index < quarter || index >= host.length - quarter;
  return [...host].map((sign, index) => (isShown(index) || sign === '.' ? sign : '*')).join('');
}
