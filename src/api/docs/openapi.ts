import { z } from 'zod';
import { VERSION } from '../../kit/version.ts';
import type { Operation } from '../v1/operation.ts';
import { ErrorAnswer, File, FileHashes, ImageItem, Model, Version, VersionDetail, VersionImage } from '../v1/shapes.ts';

/** JSON Schema 2020-12, which OpenAPI 3.1 speaks. */
export type JsonSchema = Readonly<Record<string, unknown>>;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly schema: JsonSchema;
  readonly style?: 'form';
  readonly explode?: boolean;
}

interface DocumentedOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: true; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content: Content }>>;
  readonly security: readonly object[];
}
type Content = { readonly 'application/json': { readonly schema: JsonSchema } };

export interface ApiDocument {
  readonly openapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>>; readonly securitySchemes: object };
}

const SHAPES = { Model, Version, VersionDetail, File, FileHashes, VersionImage, ImageItem, Error: ErrorAnswer };
const refTo = (name: string): string => `#/components/schemas/${name}`;

/** The document, from the same schemas that check what comes in and type what goes out. */
export function writeDocument(operations: readonly Operation[], origin: string): ApiDocument {
  const paths: Record<string, Record<string, DocumentedOperation>> = {};
  for (const operation of operations) {
    const path = `/api/v1${operation.path.replace(/:(\w+)/g, '{$1}')}`;
    paths[path] = { ...paths[path], [operation.method]: documented(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tessera',
      version: VERSION,
      description: 'The API of this node, in the spellings of Civitai’s v1.',
    },
    servers: [{ url: origin }],
    paths,
    components: {
      schemas: schemasOf(operations),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        token: { type: 'apiKey', in: 'query', name: 'token' },
      },
    },
  };
}

function documented(operation: Operation): DocumentedOperation {
  const json = (schema: JsonSchema): Content => ({ 'application/json': { schema } });
  const failure = (description: string) => ({ description, content: json({ $ref: refTo('Error') }) });
  return {
    operationId: operation.name,
    summary: operation.summary,
    parameters: [...parametersOf(operation.params, 'path'), ...parametersOf(operation.query, 'query')],
    ...(operation.body ? { requestBody: { required: true, content: json(schemaOf(operation.body)) } } : {}),
    responses: {
      200: { description: operation.summary, content: json({ $ref: refTo(answerName(operation)) }) },
      400: failure('Something that was sent does not fit.'),
      401: failure('A token is needed, or the one that was sent is not good.'),
      404: failure('It is not here, or not for whoever asks.'),
      410: failure('It was deleted.'),
      429: failure('Too many requests, or a page that is too deep.'),
      451: failure('A moderation decision keeps it back.'),
    },
    security: operation.needsToken ? [{ bearer: [] }, { token: [] }] : [{}, { bearer: [] }, { token: [] }],
  };
}

const answerName = ({ name }: Pick<Operation, 'name'>): string => `${name[0]?.toUpperCase()}${name.slice(1)}Answer`;

function parametersOf(schema: z.ZodObject | undefined, place: 'path' | 'query'): Parameter[] {
  const properties = schema ? (schemaOf(schema).properties as Readonly<Record<string, JsonSchema>>) : {};
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: property,
    // commas as well as repetition are read; the document names one of them
    ...(property.type === 'array' ? { style: 'form' as const, explode: false } : {}),
  }));
}

/** What a value is once it was read: the text of a query becomes numbers, flags and lists. */
const schemaOf = (schema: z.ZodType): JsonSchema => {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' });
  return rest;
};

/** Shapes and answers by name; an answer that holds a shape refers to it. */
function schemasOf(operations: readonly Operation[]): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, shape] of Object.entries(SHAPES)) registry.add(shape, { id });
  for (const operation of operations) {
    const id = answerName(operation);
    if (!registry.has(operation.answer)) registry.add(operation.answer, { id });
  }
  const { schemas } = z.toJSONSchema(registry, { io: 'output', uri: refTo });
  const named: Record<string, JsonSchema> = {};
  for (const [id, schema] of Object.entries(schemas)) {
    const { $schema, $id, ...rest } = schema as Record<string, unknown>;
    named[id] = rest;
  }
  // an operation that answers a shape itself
  for (const operation of operations) {
    const shape = Object.entries(SHAPES).find(([, one]) => one === operation.answer)?.[0];
    if (shape) named[answerName(operation)] = { $ref: refTo(shape) };
  }
  return named;
}
