import { licenseName } from '../../catalogue/licences.ts';
import type { Terms } from '../../catalogue/lineage/terms.ts';
import { toBoolean, toDateOrNull } from '../../kit/database/sql.ts';
import { day } from '../../kit/web/filters.ts';
import { t } from '../../kit/web/messages.ts';
import type { PageHead } from '../../kit/web/views.ts';
import { isOpen } from '../../safety/audience.ts';
import { highestLevel } from '../../safety/ratings.ts';
import { isForbidden } from '../../safety/standing.ts';
import type { Cover } from './covers.ts';
import type { ModelRow, VersionRow } from './rows.ts';

export interface FactView {
  readonly label: string;
  readonly value: string;
  readonly href?: string;
}

export function factsOf(model: ModelRow, version: VersionRow): FactView[] {
  const facts: FactView[] = [
    { label: t('model.type'), value: model.type, href: `/models?type=${encodeURIComponent(model.type)}` },
  ];
  const { base_model: base } = version;
  if (base) facts.push({ label: t('model.base-model'), value: base, href: `/models?base=${encodeURIComponent(base)}` });
  const published = toDateOrNull(version.published_at);
  if (published) facts.push({ label: t('model.published'), value: day(published) });
  if (version.recommended_weight !== null) {
    facts.push({ label: t('model.weight'), value: String(version.recommended_weight) });
  }
  if (version.clip_skip !== null) facts.push({ label: t('model.clip-skip'), value: String(version.clip_skip) });
  return facts;
}

/** `terms` are those after all that it was made from. */
export function permissionsOf(model: ModelRow, terms: Terms, restrictions: number): { text: string; symbol: string }[] {
  const say = (key: string, symbol: 'check' | 'info' | 'ban') => ({ text: t(key), symbol });
  const credit = terms.allowNoCredit;
  const derivatives = terms.allowDerivatives && !isForbidden(restrictions, 'derive');
  const different = terms.allowDifferentLicense;
  const uses = isForbidden(restrictions, 'commercial') ? [] : terms.uses;
  return [
    say(`permission.credit.${credit}`, credit ? 'check' : 'info'),
    say(`permission.derivatives.${derivatives}`, derivatives ? 'check' : 'ban'),
    ...(derivatives ? [say(`permission.different.${different}`, different ? 'check' : 'info')] : []),
    ...uses.map((use) => say(`permission.${use}`, 'check')),
    ...(uses.length === 0 ? [say('permission.no-commerce', 'ban')] : []),
    ...(terms.forbidsGeneration ? [say('permission.no-generation', 'ban')] : []),
    ...(toBoolean(model.is_poi) ? [say('permission.poi', 'info')] : []),
    ...(toBoolean(model.is_minor) ? [say('permission.minor', 'info')] : []),
    ...(toBoolean(model.is_sfw_only) ? [say('permission.sfw', 'info')] : []),
  ];
}

export function licenseView(id: string): { value: string; href?: string } {
  const value = licenseName(id);
  return id.startsWith('LicenseRef-')
    ? { value }
    : { value, href: `https://spdx.org/licenses/${encodeURIComponent(id)}` };
}

export function headOf(model: ModelRow, url: string, cover: Cover | undefined): PageHead {
  const description = model.description
    .replace(/<[^>]+>/g, ' ')
    .replace(/[#*_`>[\]]/g, '')
    .slice(0, 200)
    .trim();
  return {
    title: model.name,
    description: description || `${model.type} · ${model.owner_name}`,
    canonical: url,
    ...(cover?.isPublic && !cover.sensitive && isOpen(model.access_visibility)
      ? { ogImage: `/media/1280/${cover.id}.webp` }
      : {}),
    ...(model.state !== 'published' || model.access_visibility !== 'public' || highestLevel(model.level) > 2
      ? { noindex: true }
      : {}),
  };
}
