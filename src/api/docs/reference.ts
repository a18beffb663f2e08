import { t } from '../../kit/web/messages.ts';
import type { PageHead } from '../../kit/web/views.ts';
import type { ApiDocument, JsonSchema } from './openapi.ts';

interface ParameterView {
  readonly name: string;
  readonly isRequired: boolean;
  readonly type: string;
  readonly fallback: string;
}

interface OperationView {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  /** What a token needs; '' where none is needed. */
  readonly scope: string;
  readonly parameters: readonly ParameterView[];
  /** What the body is; '' where there is none, or where `fields` say it. */
  readonly body: string;
  readonly fields: readonly ParameterView[];
  /** What files are put in; '' for none. */
  readonly files: string;
  readonly answer: string;
}

interface GroupView {
  readonly title: string;
  readonly id: string;
  readonly operations: readonly OperationView[];
}

interface ShapeView {
  readonly name: string;
  readonly fields: readonly ParameterView[];
}

export interface ReferencePage {
  readonly origin: string;
  readonly groups: readonly GroupView[];
  readonly shapes: readonly ShapeView[];
  readonly page: PageHead;
}

/** The document for people: the same facts as a page. */
export function referencePage(document: ApiDocument, origin: string): ReferencePage {
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const titles = [...new Set(all.flatMap(({ operation }) => operation.tags))];
  const groups = titles.map((title, n) => ({
    ...{ title, id: `group-${n + 1}` },
    operations: all
      .filter(({ operation }) => operation.tags.includes(title))
      .map(({ path, method, operation }) => operationView(path, method, operation)),
  }));
  const shapes = Object.entries(document.components.schemas)
    .filter(([, schema]) => schema.properties !== undefined)
    .map(([name, schema]) => ({ name, fields: fieldsOf(schema) }));
  return { origin, groups, shapes, page: { title: t('api.title'), canonical: '/api' } };
}

type Documented = ApiDocument['paths'][string][string];

function operationView(path: string, method: string, operation: Documented): OperationView {
  const [needed] = operation.security.map((one) => Object.values(one)[0] ?? null);
  const body = operation.requestBody?.content['application/json']?.schema;
  const [success] = Object.entries(operation.responses);
  const [[type, { schema }] = ['', { schema: {} }]] = Object.entries(success?.[1].content ?? {});
  return {
    ...{ id: operation.operationId, method: method.toUpperCase(), path, summary: operation.summary },
    scope: needed ? needed.join(', ') : '',
    parameters: operation.parameters.map(({ name, required, schema: its }) => fieldOf(name, its, required)),
    body: body && body.properties === undefined ? typeOf(body) : '',
    fields: body ? fieldsOf(body) : [],
    files: operation.requestBody?.description ?? '',
    answer: type === 'application/json' ? typeOf(schema) : type,
  };
}

const fieldsOf = (schema: JsonSchema): ParameterView[] =>
  Object.entries((schema.properties ?? {}) as Readonly<Record<string, JsonSchema>>).map(([name, property]) =>
    fieldOf(name, property, ((schema.required ?? []) as string[]).includes(name)),
  );

const fieldOf = (name: string, schema: JsonSchema, isRequired: boolean): ParameterView => ({
  name,
  isRequired,
  type: typeOf(schema),
  fallback: schema.default === undefined ? '' : String(schema.default),
});

/** A schema in a few words: `integer 1–100`, `“a” | “b”`, `Model[]`. */
function typeOf(schema: JsonSchema): string {
  if (typeof schema.$ref === 'string') return schema.$ref.split('/').at(-1) ?? '';
  if (Array.isArray(schema.enum))
    return schema.enum.map((value) => (typeof value === 'string' ? `“${value}”` : String(value))).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (Array.isArray(schema.anyOf)) return schema.anyOf.map((one) => typeOf(one as JsonSchema)).join(' | ');
  if (schema.type === 'array') return `${bracketed(typeOf((schema.items ?? {}) as JsonSchema))}[]`;
  const { minimum, maximum } = schema as { minimum?: number; maximum?: number };
  const isBounded = minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  return `${schema.format ?? schema.type ?? 'any'}${isBounded ? ` ${minimum}–${maximum}` : ''}`;
}

const bracketed = (type: string): string => (type.includes(' | ') ? `(${type})` : type);
