import { EMPTY_FORM, type FormState } from '../kit/web/forms.ts';
import { hasMessage, t } from '../kit/web/messages.ts';
import type { Ctx } from '../kit/web/state.ts';
import { view } from '../kit/web/views.ts';

const TABS = [
  ['profile', 'user'],
  ['account', 'at-sign'],
  ['security', 'shield-check'],
  ['sessions', 'monitor'],
  ['tokens', 'key'],
  ['apps', 'link'],
  ['webhooks', 'link'],
  ['browsing', 'eye'],
  ['people', 'users'],
  ['hidden', 'eye-off'],
  ['moving', 'external-link'],
  ['following', 'user-plus'],
  ['notifications', 'bell'],
  ['statistics', 'gauge'],
  ['export', 'download'],
  ['data', 'hard-drive'],
] as const;
type Tab = (typeof TABS)[number][0];

/** Pages of moderation that are about the person: what they reported, and what was decided about their own. */
const ELSEWHERE = [
  { label: 'settings.reports', href: '/reports', icon: 'flag', current: false },
  { label: 'settings.decisions', href: '/decisions', icon: 'shield', current: false },
] as const;

interface SettingsPage<Props> {
  readonly sideNav: {
    readonly label: string;
    readonly items: readonly { label: string; href: string; icon: string; current: boolean }[];
  };
  readonly form: FormState;
  /** Which of several forms of the page was refused. */
  readonly refused: string;
  readonly said: string | null;
  readonly now: Props;
}

/**
 * A page under `/settings`: what is set now in `now`, and the one form that was refused with what was typed. A room above
 * names its own template, with its folder.
 */
export function settingsPage<Props extends object>(tab: Tab, template: string = tab) {
  const show = view<SettingsPage<Props>>(template.includes('/') ? template : `accounts/settings/${template}`);
  return (ctx: Ctx, now: Props, form: FormState = EMPTY_FORM, refused = ''): void => {
    const key = `settings.said-${String(ctx.query.said ?? '')}`;
    const items = TABS.map(([name, icon]) => ({
      label: t(`settings.${name}`),
      href: `/settings/${name}`,
      icon,
      current: name === tab,
    }));
    show(ctx, {
      sideNav: {
        label: t('nav.settings'),
        items: [...items, ...ELSEWHERE.map((link) => ({ ...link, label: t(link.label) }))],
      },
      form,
      refused,
      said: hasMessage(key) ? t(key) : null,
      now,
      page: { title: t(`settings.${tab}`), noindex: true },
    });
  };
}
