import { createHash, randomUUID } from 'node:crypto';
import type { EntityManager, RequiredEntityData } from '@mikro-orm/core';
import { Account } from '../../src/accounts/model.ts';
import { ROLE_PERMISSIONS, type Role } from '../../src/accounts/permissions.ts';
import { Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { Comment, Image, Post } from '../../src/gallery/model.ts';

/** The still clock of the tests. */
export const NOW = new Date('2026-01-02T03:04:05.000Z');

let serial = 0;
const next = (): number => ++serial;

/** Rows that are valid and public, with what they lean on; a test names only what it is about. Flush afterwards. */
export function givenAccount(
  em: EntityManager,
  { role = 'member', ...given }: Omit<Partial<RequiredEntityData<Account>>, 'role'> & { role?: Role } = {},
): Account {
  const name = given.name ?? `person${next()}`;
  const account = em.create(Account, {
    name,
    displayName: name,
    role,
    permissions: ROLE_PERMISSIONS[role],
    createdAt: NOW,
    ...given,
  } as RequiredEntityData<Account>);
  em.persist(account);
  return account;
}

export function givenModel(em: EntityManager, given: Partial<RequiredEntityData<Model>> = {}): Model {
  const model = em.create(Model, {
    owner: given.owner ?? givenAccount(em),
    name: `Model ${next()}`,
    type: 'LORA',
    state: 'published',
    publishedAt: NOW,
    listedAt: NOW,
    shownAt: given.listedAt === undefined ? NOW : given.listedAt,
    baseModel: 'SD 1.5',
    createdAt: NOW,
    updatedAt: NOW,
    ...given,
  } as RequiredEntityData<Model>);
  em.persist(model);
  return model;
}

export function givenVersion(em: EntityManager, given: Partial<RequiredEntityData<ModelVersion>> = {}): ModelVersion {
  const version = em.create(ModelVersion, {
    model: given.model ?? givenModel(em),
    name: 'v1.0',
    baseModel: 'SD 1.5',
    state: 'published',
    publishedAt: NOW,
    createdAt: NOW,
    updatedAt: NOW,
    ...given,
  } as RequiredEntityData<ModelVersion>);
  em.persist(version);
  return version;
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

export function givenFile(em: EntityManager, given: Partial<RequiredEntityData<ModelFile>> = {}): ModelFile {
  const file = em.create(ModelFile, {
    version: given.version ?? givenVersion(em),
    name: 'model.safetensors',
    format: 'SafeTensor',
    precision: 'fp16',
    isPrimary: true,
    totalBytes: 1_000,
    sha256: digest(randomUUID()),
    createdAt: NOW,
    ...given,
  } as RequiredEntityData<ModelFile>);
  em.persist(file);
  return file;
}

export function givenPost(em: EntityManager, given: Partial<RequiredEntityData<Post>> = {}): Post {
  const post = em.create(Post, {
    owner: given.owner ?? givenAccount(em),
    state: 'published',
    publishedAt: NOW,
    listedAt: NOW,
    shownAt: given.listedAt === undefined ? NOW : given.listedAt,
    level: 1,
    imageCount: 1,
    createdAt: NOW,
    updatedAt: NOW,
    ...given,
  } as RequiredEntityData<Post>);
  em.persist(post);
  return post;
}

export function givenComment(em: EntityManager, given: Partial<RequiredEntityData<Comment>> = {}): Comment {
  const comment = em.create(Comment, {
    id: randomUUID(),
    author: given.author ?? givenAccount(em),
    text: 'Lovely.',
    createdAt: NOW,
    ...given,
  } as RequiredEntityData<Comment>);
  em.persist(comment);
  return comment;
}

export function givenImage(em: EntityManager, given: Partial<RequiredEntityData<Image>> = {}): Image {
  const post = (given.post as Post | undefined) ?? givenPost(em);
  const image = em.create(Image, {
    post,
    owner: given.owner ?? post.owner,
    sha256: digest(randomUUID()),
    mediaType: 'image/png',
    totalBytes: 1_000,
    width: 512,
    height: 768,
    level: 1,
    listedAt: NOW,
    shownAt: given.listedAt === undefined ? NOW : given.listedAt,
    renderedAt: NOW,
    createdAt: NOW,
    ...given,
  } as RequiredEntityData<Image>);
  em.persist(image);
  return image;
}
