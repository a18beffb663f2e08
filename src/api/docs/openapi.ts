import { z } from 'zod';
import { OAUTH_SCOPES } from '../../accounts/scopes.ts';
import { VERSION } from '../../kit/version.ts';
import { t } from '../../kit/web/messages.ts';
import { type Operation, scopesOf } from '../operation/define.ts';
import { ErrorAnswer, File, FileHashes, ImageItem, Model, Version, VersionDetail, VersionImage } from '../v1/shapes.ts';

/** JSON Schema 2020-12, which OpenAPI 3.1 speaks. */
export type JsonSchema = Readonly<Record<string, unknown>>;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: JsonSchema;
  readonly description?: string;
  readonly style?: 'form';
  readonly explode?: boolean;
}

type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>;

interface DocumentedOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly description?: string; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content: Content }>>;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
}

export interface ApiDocument {
  readonly openapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>>; readonly securitySchemes: object };
}

const DESCRIPTION = `The API of this node, in the spellings of Civitai’s v1, and what its pages can do beside that.

Model files go up by tus 1.0 at \`/uploads/files\`, with a token of the scope \`write:models\`: \`POST\` with
\`Upload-Length\` and \`Upload-Metadata: filename <base64>\` answers with \`Location\`; \`PATCH\` there with
\`Upload-Offset\` sends bytes, \`HEAD\` says how many arrived. \`addFiles\` then gives the upload to a version; named in the
metadata as \`draft <base64 of the version’s id>\`, it goes there by itself.

A refusal is \`{"error": "…"}\`, with \`fields\` where single fields are wrong.`;

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
      description: DESCRIPTION,
    },
    servers: [{ url: origin }],
    paths,
    components: {
      schemas: schemasOf(operations),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A token of /settings/tokens, or one of OAuth.' },
        token: { type: 'apiKey', in: 'query', name: 'token' },
        oauth2: {
          type: 'oauth2',
          description: 'With PKCE (S256). Programs register themselves at /oauth/register.',
          flows: {
            authorizationCode: {
              ...{ authorizationUrl: `${origin}/oauth/authorize`, tokenUrl: `${origin}/oauth/token` },
              refreshUrl: `${origin}/oauth/token`,
              scopes: Object.fromEntries(OAUTH_SCOPES.map((scope) => [scope, t(`scope.${scope}`)])),
            },
          },
        },
      },
    },
  };
}

const json = (schema: JsonSchema): Content => ({ 'application/json': { schema } });

function documented(operation: Operation): DocumentedOperation {
  const { method, params, query, once } = operation;
  const writes = method !== 'get' && scopesOf(operation).length > 0;
  const failures = Object.entries(FAILURES).filter(
    ([status]) => writes || !WRITE_FAILURES.has(status) || (status === '403' && operation.scope),
  );
  const body = requestBody(operation);
  return {
    operationId: operation.name,
    tags: [operation.group ?? 'Reading, as Civitai'],
    summary: operation.summary,
    parameters: [...parametersOf(params, 'path'), ...parametersOf(query, 'query'), ...(once ? [ONCE] : [])],
    ...(body ? { requestBody: body } : {}),
    responses: {
      [operation.status ?? 200]: { description: operation.summary, content: successOf(operation) },
      ...Object.fromEntries(
        failures.map(([status, description]) => [status, { description, content: json({ $ref: refTo('Error') }) }]),
      ),
    },
    security: securityOf(operation),
  };
}

const FAILURES = {
  400: 'Something that was sent does not fit.',
  401: 'A token is needed, or the one that was sent is not good.',
  402: 'It costs more credits than there are.',
  403: 'The token lacks a scope, which the answer names, or its person may not do this.',
  404: 'It is not here, or not for whoever asks.',
  409: 'It is so already, or something else is in the way.',
  410: 'It was deleted.',
  413: 'That is too large.',
  429: 'Too many requests, or a page that is too deep.',
  451: 'A moderation decision keeps it back.',
  503: 'What it needs is not there now: an engine, another server, the disk.',
} as const;
/** Of what changes something. */
const WRITE_FAILURES: ReadonlySet<string> = new Set(['402', '403', '409', '413', '503']);

const ONCE: Parameter = {
  ...{ name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string', maxLength: 200 } },
  description: 'Sent again with the same key within a day, it is answered and not done again.',
};

/** Any of these alone is enough. */
function securityOf(operation: Operation): DocumentedOperation['security'] {
  const scopes = scopesOf(operation);
  const isForApps = scopes.every((scope) => OAUTH_SCOPES.some((one) => one === scope));
  const by = [{ bearer: scopes }, { token: scopes }, ...(isForApps ? [{ oauth2: scopes }] : [])];
  return scopes.length > 0 ? by : [{}, ...by];
}

function successOf(operation: Operation): Content {
  if (operation.event) return { 'text/event-stream': { schema: schemaOf(operation.event) } };
  if (operation.mediaType) return { [operation.mediaType]: { schema: {} } };
  return json({ $ref: refTo(answerName(operation)) });
}

function requestBody({ body, files }: Operation): DocumentedOperation['requestBody'] | null {
  if (files) {
    const each = { type: 'array', items: { type: 'string', contentMediaType: 'application/octet-stream' } };
    const schema = { type: 'object', properties: { file: { ...each, maxItems: files.most } } };
    return { required: true, description: files.description, content: { 'multipart/form-data': { schema } } };
  }
  return body ? { required: true, content: json(schemaOf(body, 'input')) } : null;
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

/** A query as it is once it was read, when its text became numbers, flags and lists; a body as it is sent. */
const schemaOf = (schema: z.ZodType, io: 'input' | 'output' = 'output'): JsonSchema => {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
};

/** Shapes and answers by name; an answer that holds a shape refers to it. */
function schemasOf(operations: readonly Operation[]): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, shape] of Object.entries(SHAPES)) registry.add(shape, { id });
  for (const operation of operations) {
    const id = answerName(operation);
    if (operation.answer && !registry.has(operation.answer)) registry.add(operation.answer, { id });
  }
  const { schemas } = z.toJSONSchema(registry, { io: 'output', uri: refTo });
  const named: Record<string, JsonSchema> = {};
  for (const [id, schema] of Object.entries(schemas)) {
    const { $schema, $id, ...rest } = schema as Record<string, unknown>;
    named[id] = rest;
  }
  // an operation that answers a shape itself, or what another answers
  for (const { name, answer } of operations) {
    const shape = Object.entries(SHAPES).find(([, one]) => one === answer)?.[0];
    const first = operations.find((other) => answer && other.answer === answer);
    if (shape) named[answerName({ name })] = { $ref: refTo(shape) };
    else if (first && first.name !== name) named[answerName({ name })] = { $ref: refTo(answerName(first)) };
  }
  return named;
}
