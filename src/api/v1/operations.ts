import { z } from 'zod';
import { defineOperation, defineOwn, type Operation } from '../operation/define.ts';
import { Enums, loadEnums } from './enums.ts';
import { listImages } from './images/list.ts';
import { ImagesQuery } from './images/query.ts';
import { listModels } from './models/list.ts';
import { loadMini, MiniQuery, MiniVersion } from './models/mini.ts';
import { ModelsQuery } from './models/query.ts';
import {
  findFiles,
  loadModel,
  loadVersion,
  loadVersionByHash,
  loadVersionsByHashes,
  WholeHash,
} from './models/versions.ts';
import { OWN_OPERATIONS } from './own/operations.ts';
import { CreatorList, CreatorsQuery, listCreators, listUsers, loadMe, Me, UserList, UsersQuery } from './people.ts';
import { ById, scope } from './query.ts';
import { envelope, ImageItem, Model, VersionDetail } from './shapes.ts';
import { listTags, TagList, TagsQuery } from './tags.ts';
import { TRADE_OPERATIONS } from './trade/operations.ts';
import { WRITE_OPERATIONS } from './write/operations.ts';

const InScope = z.object({ scope });

const LISTS = 300;
const HASHES = 3_600;
const MOST_HASHES = 100;
const MOST_IDS = 10_000;

/** Everything under `/api/v1`, each with the schemas that check it and that the document is written from. */
export const OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...{ method: 'get', path: '/models', name: 'listModels', summary: 'Models, by filters and in an order.' },
    query: ModelsQuery,
    answer: envelope(Model),
    cacheSeconds: LISTS,
    run: (ask, { query }) => listModels(ask, query),
  }),
  defineOperation({
    ...{ method: 'get', path: '/models/:id', name: 'getModel', summary: 'One model with all its versions.' },
    params: ById,
    answer: Model,
    cacheSeconds: LISTS,
    run: (ask, { params }) => loadModel(ask, params.id),
  }),
  // before what takes an id
  defineOperation({
    ...{ method: 'get', path: '/model-versions/by-hash/:hash', name: 'getVersionByHash' },
    summary: 'The version of a file, by any of its hashes or by the first digits of one.',
    params: z.object({ hash: z.string().max(200) }),
    query: InScope,
    answer: VersionDetail,
    cacheSeconds: HASHES,
    run: (ask, { params, query }) => loadVersionByHash(ask, params.hash, query.scope),
  }),
  defineOperation({
    ...{ method: 'post', path: '/model-versions/by-hash', name: 'listVersionsByHash' },
    summary: 'The versions of up to a hundred files, by their SHA-256.',
    query: InScope,
    body: z.array(WholeHash).max(MOST_HASHES),
    answer: z.array(VersionDetail),
    run: (ask, { body, query }) => loadVersionsByHashes(ask, body, query.scope),
  }),
  defineOperation({
    ...{ method: 'post', path: '/model-versions/by-hash/ids', name: 'listVersionIdsByHash' },
    summary: 'Which versions up to ten thousand files are, by their SHA-256.',
    query: InScope,
    body: z.array(WholeHash).max(MOST_IDS),
    maxBodyBytes: 1_000_000,
    answer: z.array(z.object({ modelVersionId: z.int(), modelId: z.int(), hash: z.string() })),
    run: (ask, { body, query }) => findFiles(ask, body, query.scope),
  }),
  defineOperation({
    ...{ method: 'get', path: '/model-versions/mini/:id', name: 'getMiniVersion' },
    summary: 'What is needed to fetch one file of a version.',
    ...{ params: ById, query: MiniQuery, answer: MiniVersion },
    cacheSeconds: LISTS,
    run: (ask, { params, query }) => loadMini(ask, params.id, query),
  }),
  defineOperation({
    ...{ method: 'get', path: '/model-versions/:id', name: 'getVersion' },
    summary: 'One version, by its id or its AIR name.',
    params: z.object({ id: z.string().max(600) }),
    answer: VersionDetail,
    cacheSeconds: LISTS,
    run: (ask, { params }) => loadVersion(ask, params.id),
  }),
  defineOperation({
    ...{ method: 'get', path: '/images', name: 'listImages', summary: 'Images, by filters and in an order.' },
    query: ImagesQuery,
    answer: envelope(ImageItem),
    cacheSeconds: LISTS,
    run: (ask, { query }) => listImages(ask, query),
  }),
  defineOperation({
    ...{ method: 'get', path: '/creators', name: 'listCreators', summary: 'Who has models here, by name.' },
    query: CreatorsQuery,
    answer: CreatorList,
    cacheSeconds: LISTS,
    run: (ask, { query }) => listCreators(ask, query),
  }),
  defineOperation({
    ...{ method: 'get', path: '/tags', name: 'listTags', summary: 'Tags that models here bear, by name.' },
    query: TagsQuery,
    answer: TagList,
    cacheSeconds: LISTS,
    run: (ask, { query }) => listTags(ask, query),
  }),
  defineOperation({
    ...{ method: 'get', path: '/users', name: 'listUsers', summary: 'Accounts, by id or by words of their names.' },
    query: UsersQuery,
    answer: UserList,
    cacheSeconds: LISTS,
    run: (ask, { query }) => listUsers(ask, query),
  }),
  defineOwn({
    ...{ method: 'get', path: '/me', name: 'getMe', summary: 'Whose token this is.' },
    answer: Me,
    scope: 'read',
    run: (ask) => loadMe(ask),
  }),
  defineOperation({
    ...{ method: 'get', path: '/enums', name: 'getEnums', summary: 'The words that other answers use.' },
    answer: Enums,
    cacheSeconds: LISTS,
    run: (ask) => loadEnums(ask),
  }),
  ...WRITE_OPERATIONS,
  ...OWN_OPERATIONS,
  ...TRADE_OPERATIONS,
];
