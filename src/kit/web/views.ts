import { fileURLToPath } from 'node:url';
import nunjucks from 'nunjucks';
import { assetUrl, readIcon } from './assets.ts';
import { blurUri } from './blur.ts';
import * as filters from './filters.ts';
import { renderMarkdown, renderRemoteHtml } from './markdown.ts';
import { t } from './messages.ts';

/** What every page knows about the node and the person, set once for each request by the app. */
export interface PageState {
  node: { name: string; description: string };
  viewer: null | {
    id: number;
    name: string;
    displayName: string;
    avatarUrl: string | null;
    can: {
      moderate: boolean;
      administer: boolean;
      generate: boolean;
      train: boolean;
      publish: boolean;
    };
    unreadCount?: number;
    /** What may be spent here; absent where nothing is. */
    credits?: number;
    /** People who wait for this person's answer. */
    waitingCount?: number;
  };
  path: string;
  theme: 'system' | 'dark' | 'light';
  /** How a visitor may join; the link is left out when nobody can. */
  signUp?: boolean;
}

/** What one page says about itself in its head. */
export interface PageHead {
  title?: string;
  description?: string;
  canonical?: string;
  ogImage?: string;
  /** The address of the ActivityPub object that this page shows. */
  alternate?: string;
  noindex?: boolean;
  /** Atom feeds of what is on the page. */
  feeds?: readonly { readonly title: string; readonly href: string }[];
}

export interface ViewContext {
  state: { page?: PageState };
  path: string;
  type: string;
  body: unknown;
}

const NOBODY: PageState = {
  node: { name: 'Tessera', description: '' },
  viewer: null,
  path: '/',
  theme: 'system',
};

let environment: nunjucks.Environment | undefined;

function openEnvironment(): nunjucks.Environment {
  const folder = fileURLToPath(new URL('../../../views/', import.meta.url));
  const env = new nunjucks.Environment(new nunjucks.FileSystemLoader(folder), {
    autoescape: true,
    throwOnUndefined: true,
    trimBlocks: true,
    lstripBlocks: true,
  });
  env.addGlobal('t', t);
  env.addGlobal('asset', assetUrl);
  env.addGlobal('icon', icon);
  env.addGlobal('blurUri', blurUri);
  env.addGlobal('ratioStep', filters.ratioStep);
  for (const [name, filter] of Object.entries(filters)) env.addFilter(name, filter);
  env.addFilter('markdown', (text: string) => new nunjucks.runtime.SafeString(renderMarkdown(text)));
  env.addFilter('remoteHtml', (html: string) => new nunjucks.runtime.SafeString(renderRemoteHtml(html)));
  return env;
}

const icons = new Map<string, nunjucks.runtime.SafeString>();

/** An inlined icon; with a label it speaks, without one it is decoration. */
function icon(name: string, label?: string): nunjucks.runtime.SafeString {
  const key = label ? `${name} ${label}` : name;
  let svg = icons.get(key);
  if (!svg) {
    const inner = readIcon(name);
    if (inner === null) throw new Error(`There is no icon ${name}.`);
    const role = label ? `role="img" aria-label="${filters.escapeHtml(label)}"` : 'aria-hidden="true"';
    svg = new nunjucks.runtime.SafeString(`<svg class="icon" viewBox="0 0 24 24" ${role}>${inner}</svg>`);
    if (icons.size < 1_000) icons.set(key, svg);
  }
  return svg;
}

/** A template with its props, as HTML. Throws when the template outputs a value that is not there. */
export function renderPage(template: string, page: PageState & PageHead, props: object): string {
  // Templates are part of the program: compiled on first use, kept for the life of the process.
  environment ??= openEnvironment();
  return environment.getTemplate(`${template}.njk`).render({ ...props, page });
}

/** Ties a template to the type of its props, which nunjucks cannot check. */
export function view<Props extends object>(template: string) {
  return (ctx: ViewContext, props: Props & { page?: PageHead }): void => {
    const page: PageState & PageHead = {
      ...(ctx.state.page ?? { ...NOBODY, path: ctx.path }),
      ...props.page,
    };
    ctx.body = renderPage(template, page, props);
    ctx.type = 'text/html; charset=utf-8';
  };
}
