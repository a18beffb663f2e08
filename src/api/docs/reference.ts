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
  readonly needsToken: boolean;
  readonly parameters: readonly ParameterView[];
  /** What the body is; '' where there is none. */
  readonly body: string;
  readonly answer: string;
}

interface ShapeView {
  readonly name: string;
  readonly fields: readonly ParameterView[];
}

export interface ReferencePage {
  readonly origin: string;
  readonly operations: readonly OperationView[];
  readonly shapes: readonly ShapeView[];
  readonly page: PageHead;
}

/** The document for people: the same facts as a page. */
export function referencePage(document: ApiDocument, origin: string): ReferencePage {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      id: operation.operationId,
      method: method.toUpperCase(),
      path,
      summary: operation.summary,
      needsToken: !operation.security.some((one) => Object.keys(one).length === 0),
      parameters: operation.parameters.map(({ name, required, schema }) => fieldOf(name, schema, required)),
      body: operation.requestBody ? typeOf(operation.requestBody.content['application/json'].schema) : '',
      answer: typeOf(operation.responses[200]?.content['application/json'].schema ?? {}),
    })),
  );
  const shapes = Object.entries(document.components.schemas)
    .filter(([, schema]) => schema.properties !== undefined)
    .map(([name, schema]) => ({
      name,
      fields: Object.entries(schema.properties as Record<string, JsonSchema>).map(([field, property]) =>
        fieldOf(field, property, ((schema.required ?? []) as string[]).includes(field)),
      ),
    }));
  return { origin, operations, shapes, page: { title: t('api.title'), canonical: '/api' } };
}

const fieldOf = (name: string, schema: JsonSchema, isRequired: boolean): ParameterView => ({
  name,
  isRequired,
  type: typeOf(schema),
  fallback: schema.default === undefined ? '' : String(schema.default),
});

/** A schema in a few words: `integer 1–100`, `“a” | “b”`, `Model[]`. */
function typeOf(schema: JsonSchema): string {
  if (typeof schema.$ref === 'string') return schema.$ref.split('/').at(-1) ?? '';
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => `“${value}”`).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (Array.isArray(schema.anyOf)) return schema.anyOf.map((one) => typeOf(one as JsonSchema)).join(' | ');
  if (schema.type === 'array') return `${bracketed(typeOf((schema.items ?? {}) as JsonSchema))}[]`;
  const { minimum, maximum } = schema as { minimum?: number; maximum?: number };
  const isBounded = minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  return `${schema.format ?? schema.type ?? 'any'}${isBounded ? ` ${minimum}–${maximum}` : ''}`;
}

const bracketed = (type: string): string => (type.includes(' | ') ? `(${type})` : type);
