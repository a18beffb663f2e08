import Router from '@koa/router';
import { anyone } from '../../accounts/access/guard.ts';
import { t } from '../../kit/web/messages.ts';
import type { State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { CONTEXT } from '../vocabulary/context.ts';

interface Term {
  readonly name: string;
  readonly iri: string;
  /** How JSON-LD reads its value: '' is a plain one. */
  readonly form: '' | 'list' | 'set' | 'json' | 'id';
  readonly text: string;
}

interface NsPage {
  readonly properties: readonly Term[];
  readonly types: readonly Term[];
  readonly kinds: readonly { readonly name: string; readonly text: string }[];
  readonly borrowed: readonly { readonly name: string; readonly iri: string }[];
  readonly context: string;
}
const nsPage = view<NsPage>('federation/ns');

const PREFIX = 'tessera:';
const NAMESPACE = 'urn:tessera:ns:';
/** Written as `tessera:Model`, so they need no term in the context. */
const TYPES = ['Model', 'ModelVersion', 'ResourceUse'] as const;
const KINDS = [
  'Model',
  'ModelVersion',
  'Image',
  'Review',
  'Collection',
  'Tag',
  'Bounty',
  'BountyEntry',
  'Organization',
] as const;

/** The terms of `urn:tessera:ns:` that the context defines, in its order. */
export function listTerms(): Omit<Term, 'text'>[] {
  return Object.entries(CONTEXT[1]).flatMap(([name, definition]) => {
    const iri = typeof definition === 'string' ? definition : definition['@id'];
    return iri.startsWith(PREFIX)
      ? [{ name, iri: NAMESPACE + iri.slice(PREFIX.length), form: formOf(definition) }]
      : [];
  });
}

function formOf(definition: unknown): Term['form'] {
  if (typeof definition !== 'object' || definition === null) return '';
  const { '@container': container, '@type': type } = definition as Record<string, unknown>;
  if (container === '@list') return 'list';
  if (container === '@set') return 'set';
  return type === '@json' ? 'json' : type === '@id' ? 'id' : '';
}

/**
 * `/ns`: what every term of our vocabulary means. Contexts are inline, so no reader needs this page; people who write
 * readers do (DESIGN.md ruling 17).
 */
export function nsRoutes(): Router<State> {
  const routes = new Router<State>();
  routes.get('/ns', anyone, (ctx) => {
    ctx.set('Cache-Control', ctx.state.work.viewer ? 'private, no-store' : 'public, max-age=3600');
    nsPage(ctx, {
      properties: listTerms().map((term) => ({ ...term, text: t(`ns.${term.name}`) })),
      types: TYPES.map((name) => ({
        name: PREFIX + name,
        iri: NAMESPACE + name,
        form: '',
        text: t(`ns.type.${name}`),
      })),
      kinds: KINDS.map((name) => ({ name, text: t(`ns.kind.${name}`) })),
      borrowed: Object.entries(CONTEXT[1]).flatMap(([name, definition]) => {
        const iri: string = typeof definition === 'string' ? definition : definition['@id'];
        return iri.startsWith(PREFIX) || !iri.includes(':') || /[#:/]$/.test(iri) ? [] : [{ name, iri }];
      }),
      context: JSON.stringify(CONTEXT, null, 2),
      page: { title: t('ns.title'), canonical: '/ns' },
    });
  });
  return routes;
}
