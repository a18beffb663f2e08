import type { Things } from './reach.ts';

/** How an address that is asked with GET stands to what moderation decides. */
export type Rule =
  /** A page or bytes of one thing: 451 while it is quarantined and 410 when it was removed, for everybody. */
  | { readonly how: 'thing'; readonly urls: (things: Things) => readonly string[] }
  /** The same for its owner; anybody else never had it. */
  | { readonly how: 'owner'; readonly urls: (things: Things) => readonly string[] }
  /** As a document for peers: nothing while it is quarantined, a tombstone or nothing when it was removed. */
  | { readonly how: 'document'; readonly urls: (things: Things) => readonly string[] }
  /** Shows many things: none of what was taken down is among them. */
  | { readonly how: 'list'; readonly urls: (things: Things) => readonly string[] }
  /** Says nothing of what is published here, and why. */
  | { readonly how: 'apart'; readonly why: string };

const thing = (urls: (things: Things) => readonly string[]): Rule => ({ how: 'thing', urls });
const owner = (urls: (things: Things) => readonly string[]): Rule => ({ how: 'owner', urls });
const document = (urls: (things: Things) => readonly string[]): Rule => ({ how: 'document', urls });
const list = (...urls: readonly string[]): Rule => ({ how: 'list', urls: () => urls });
const listOf = (urls: (things: Things) => readonly string[]): Rule => ({ how: 'list', urls });
const apart = (why: string): Rule => ({ how: 'apart', why });

const INBOX = apart('a POST for peers; GET is refused');
const OWN = apart('the private work of who is signed in; pictures that were published from it ask assertNotShut');
const ACCOUNT = apart('of accounts, not of things');
const STAFF = apart('for staff alone');
const RUNNER = apart('for runners of this node: a job that is cancelled answers 410');
const FORM = apart('a form');
const CASE = apart('of the claimant, who proves it by the secret: names the thing, shows nothing of it');

const TALKED = apart('what a party sent with a message, for those of that conversation: nothing that was published');

export const SIZES = (id: number): string[] => [
  ...['320', '640', '1280', 'full'].flatMap((size) => [`/media/${size}/${id}.webp`, `/media/${size}/${id}.avif`]),
  `/media/full/${id}.jpg`,
];

const talk = (kind: 'models' | 'posts' | 'images', end: string): Rule =>
  document(({ modelId, postId, imageId }) => [
    `/${kind}/${{ models: modelId, posts: postId, images: imageId }[kind]}/${end}`,
  ]);
const talkOf = (kind: 'comments' | 'reviews', end: string): Rule =>
  document(({ comments, reviewId }) =>
    kind === 'reviews'
      ? [`/reviews/${reviewId}/${end}`]
      : Object.values(comments).map((id) => `/comments/${id}/${end}`),
  );
const ENDS = ['replies', 'likes', 'shares'] as const;
const TALK = Object.fromEntries([
  ...(['models', 'posts', 'images'] as const).flatMap((kind) =>
    ENDS.map((end) => [`/${kind}/:id/${end}`, talk(kind, end)] as const),
  ),
  ...(['comments', 'reviews'] as const).flatMap((kind) =>
    ENDS.map((end) => [`/${kind}/:id/${end}`, talkOf(kind, end)] as const),
  ),
]);

/** Every address with a place in it. A route that is not here makes the test fail: say how it asks, and show it. */
export const ROUTES: Readonly<Record<string, Rule>> = {
  ...TALK,
  '/transparency/:month.json': apart('numbers, and the address of a thing that stays in view'),
  '/transparency/:month.csv': apart('numbers, and the address of a thing that stays in view'),
  '/models/:id/actor/inbox': INBOX,
  '/collections/:id/actor/inbox': INBOX,
  '/tags/:id/actor/inbox': INBOX,
  '/users/:name/inbox': INBOX,
  ...{ '/admin/federation/lists/:id': STAFF, '/admin/federation/lists/export/:format': STAFF },
  ...{ '/moderation/cases/:id': STAFF, '/moderation/queue/:id': STAFF, '/moderation/takedowns/:id/peers': STAFF },
  ...{ '/claims/:number': CASE, '/claims/:number/confirmation': CASE },
  '/cases/:number': apart('of the uploader: what was decided about their own thing, without its bytes'),
  ...{ '/claims/:number/attachments/:picture': TALKED, '/cases/:number/attachments/:picture': TALKED },
  '/moderation/cases/:id/attachments/:picture': STAFF,
  '/notices/:id': apart('the notice of a takedown itself, for the hosts that it names'),
  '/nodeinfo/:version': apart('figures of the node'),
  '/models/:id/actor': document(({ modelId }) => [`/models/${modelId}/actor`]),
  '/models/:id/actor/followers': document(({ modelId }) => [`/models/${modelId}/actor/followers`]),
  '/models/:id/actor/outbox': document(({ modelId }) => [`/models/${modelId}/actor/outbox`]),
  '/collections/:id/actor': listOf(({ collectionId }) => [`/collections/${collectionId}/actor`]),
  '/collections/:id/actor/followers': listOf(({ collectionId }) => [`/collections/${collectionId}/actor/followers`]),
  '/collections/:id/actor/outbox': listOf(({ collectionId }) => [`/collections/${collectionId}/actor/outbox`]),
  '/tags/:id/actor': list('/tags/1/actor'),
  '/tags/:id/actor/followers': list('/tags/1/actor/followers'),
  '/tags/:id/actor/outbox': list('/tags/1/actor/outbox'),
  '/tags/:id': list('/tags/1', '/tags/fishes'),
  '/tags/:tag': list('/tags/fishes'),
  '/collections/:id': listOf(({ collectionId }) => [`/collections/${collectionId}`]),
  '/collections/:id/note': listOf(({ collectionId }) => [`/collections/${collectionId}/note`]),
  '/collections/:id/note/replies': listOf(({ collectionId }) => [`/collections/${collectionId}/note/replies`]),
  '/collections/:id/note/likes': listOf(({ collectionId }) => [`/collections/${collectionId}/note/likes`]),
  '/collections/:id/note/shares': listOf(({ collectionId }) => [`/collections/${collectionId}/note/shares`]),
  '/collections/:id/edit': FORM,
  '/collections/:id/items': apart('the arrangement of who owns the collection: its things stand in it as links'),
  '/collections/:id/people': ACCOUNT,
  '/collections/:id/contest': FORM,
  '/collections/:id/entries': apart(
    'entries of a contest: what is not before everybody is said to be gone (contests.test.ts)',
  ),
  '/collections/:id/judging': apart('entries for judges: none that is not before everybody'),
  '/collections/:id/result': apart('entries for who keeps the contest: none that is not before everybody'),
  '/api/v1/collections/:id/contest': apart('entries of a contest: as its page'),
  '/collections/:id/review': apart('what waits for who keeps the collection: none that is not before everybody'),
  '/collections/:id/mine': apart('what the viewer brought themselves: none that is not before everybody'),
  '/api/v1/collections/:id/people': ACCOUNT,
  '/api/v1/collections/:id/submissions': apart('what waits for who keeps the collection: as its page'),
  '/api/v1/collections/:id/submissions/mine': apart('what the viewer brought themselves: as its page'),
  '/collections/:id/refusals': apart('what was left out, for who owns the collection'),
  '/users/:name/followers': ACCOUNT,
  '/users/:name/following': ACCOUNT,
  '/users/:name/liked': list('/users/ada/liked', '/users/eve/liked'),
  '/users/:name/outbox': list('/users/ada/outbox', '/users/ada/outbox?page=true'),
  '/users/:name/featured': list('/users/ada/featured'),
  '/users/:name': list('/users/ada'),
  '/:handle': list('/@ada', '/@ada?show=models', '/@eve?show=collections'),
  '/models/:id': document(({ modelId }) => [`/models/${modelId}`]),
  '/models/:id/:slug': document(({ modelId }) => [`/models/${modelId}/zebrafisch-lora`]),
  '/models/:id{/:slug}': thing(({ modelId, versionId }) => [
    ...[`/models/${modelId}`, `/models/${modelId}/zebrafisch-lora`, `/models/${modelId}?version=${versionId}`],
  ]),
  '/posts/:id': thing(({ postId }) => [`/posts/${postId}`]),
  '/images/:id/similar': thing(({ imageId }) => [
    ...[`/images/${imageId}/similar`, `/images/${imageId}/similar?by=models`],
  ]),
  '/images/:id/remixes': thing(({ imageId }) => [`/images/${imageId}/remixes`]),
  '/images/:id': thing(({ imageId }) => [`/images/${imageId}`]),
  '/comments/:id': thing(({ comments }) => Object.values(comments).map((id) => `/comments/${id}`)),
  '/comments/:id/edit': FORM,
  '/models/:id/comments': thing(({ modelId }) => [`/models/${modelId}/comments`]),
  '/posts/:id/comments': thing(({ postId }) => [`/posts/${postId}/comments`]),
  '/images/:id/comments': thing(({ imageId }) => [`/images/${imageId}/comments`]),
  '/reviews/:id/comments': thing(({ reviewId }) => [`/reviews/${reviewId}/comments`]),
  '/bounties/:id/comments': listOf(({ bountyId }) => [`/bounties/${bountyId}/comments`]),
  '/reviews/:id': thing(({ reviewId }) => [`/reviews/${reviewId}`]),
  '/versions/:id': document(({ versionId }) => [`/versions/${versionId}`]),
  '/versions/:id/replies': document(({ versionId }) => [`/versions/${versionId}/replies`]),
  '/versions/:id/edit': owner(({ versionId }) => [`/versions/${versionId}/edit`]),
  '/versions/:id/early-access': owner(({ versionId }) => [`/versions/${versionId}/early-access`]),
  '/licence-offers/model/:id': owner(({ modelId }) => [`/licence-offers/model/${modelId}`]),
  '/licence-offers/:id': thing(({ offerId }) => [`/licence-offers/${offerId}`]),
  '/licences/:id': apart('a certificate for its two parties: names the model, shows nothing of it'),
  '/rights/claims/:number': apart('the offers of who made a claim; names nothing that it is about'),
  '/rights/offers/:id': apart('words of a rights holder about what is theirs'),
  '/api/v1/rights/licences/:id': apart('the same for programs'),
  '/rights/licences/:id': apart('a certificate for its two parties: names the model, shows nothing of it'),
  '/bounties/:id': listOf(({ bountyId }) => [`/bounties/${bountyId}`]),
  '/bounties/:id/entries/:entryId/file': thing(({ bountyId, entryId }) => [
    `/bounties/${bountyId}/entries/${entryId}/file`,
  ]),
  ...{ '/bounties/:id/edit': FORM, '/bounties/:id/entries/new': FORM, '/bounties/:id/entries/:entryId/edit': FORM },
  '/hashes/:hash': listOf(({ sha256 }) => [`/hashes/${sha256}`, `/hashes/${sha256.slice(0, 10)}`]),
  '/actors/:name/remote-follow': ACCOUNT,
  '/accounts/:id/remote-follow': ACCOUNT,
  '/quotes/:id': apart('that somebody may quote, by an id that is drawn'),
  '/^\\/(?:media|api\\/download)\\//': apart('finds who signed, and hands on to the routes below'),
  '/media/:size/:file': thing(({ imageId }) => SIZES(imageId)),
  '/media/original/:file': thing(({ imageId }) => [`/media/original/${imageId}.png`]),
  '/media/avatars/:id/:sha.webp': ACCOUNT,
  '/media/banners/:id/:sha.webp': ACCOUNT,
  '/api/download/models/:versionId': thing(({ versionId }) => [
    ...[`/api/download/models/${versionId}`, `/api/download/models/${versionId}?type=Model&format=SafeTensor`],
  ]),
  '/api/v1/models/:id': thing(({ modelId }) => [`/api/v1/models/${modelId}`]),
  '/api/v1/model-versions/:id': thing(({ versionId }) => [`/api/v1/model-versions/${versionId}`]),
  '/api/v1/model-versions/mini/:id': thing(({ versionId }) => [`/api/v1/model-versions/mini/${versionId}`]),
  '/api/v1/models/:id/comments': thing(({ modelId }) => [`/api/v1/models/${modelId}/comments`]),
  '/api/v1/posts/:id/comments': thing(({ postId }) => [`/api/v1/posts/${postId}/comments`]),
  '/api/v1/images/:id/comments': thing(({ imageId }) => [`/api/v1/images/${imageId}/comments`]),
  '/api/v1/reviews/:id': thing(({ reviewId }) => [`/api/v1/reviews/${reviewId}`]),
  '/api/v1/reviews/:id/comments': thing(({ reviewId }) => [`/api/v1/reviews/${reviewId}/comments`]),
  '/api/v1/model-versions/:id/early-access': thing(({ versionId }) => [
    `/api/v1/model-versions/${versionId}/early-access`,
  ]),
  '/api/v1/models/:id/licence-offers': thing(({ modelId }) => [`/api/v1/models/${modelId}/licence-offers`]),
  '/api/v1/bounties/:id/comments': listOf(({ bountyId }) => [`/api/v1/bounties/${bountyId}/comments`]),
  '/api/v1/bounties/:id': listOf(({ bountyId }) => [`/api/v1/bounties/${bountyId}`]),
  '/api/v1/tags/:tag': apart('what moderators say of a word'),
  ...{ '/api/v1/webhooks/:id': OWN, '/api/v1/webhooks/:id/deliveries': OWN, '/api/v1/imports/:id': OWN },
  ...{ '/api/v1/merges/:id': OWN, '/api/v1/merges/:id/events': OWN, '/api/v1/merges/:id/file': OWN },
  '/api/v1/images/:id/similar': apart('to who sends a token: as its page'),
  '/api/v1/images/:id/resources': OWN,
  '/api/v1/collections/:id': listOf(({ collectionId }) => [`/api/v1/collections/${collectionId}`]),
  ...{ '/api/v1/model-versions/:id/draft': OWN, '/api/v1/posts/:id': OWN, '/api/v1/uploads/:id': OWN },
  ...{ '/api/v1/generations/:id': OWN, '/api/v1/generations/:id/events': OWN },
  ...{ '/api/v1/generations/:id/images/:image': OWN, '/api/v1/datasets/:id': OWN },
  ...{ '/api/v1/trainings/:id': OWN, '/api/v1/trainings/:id/events': OWN, '/api/v1/training-epochs/:id/file': OWN },
  '/api/v1/model-versions/by-hash/:hash': listOf(({ sha256 }) => [
    ...[`/api/v1/model-versions/by-hash/${sha256}`, `/api/v1/model-versions/by-hash/${sha256.slice(0, 10)}`],
  ]),
  '/api/download/sidecars/:id/civitai.info': thing(({ versionId }) => [
    `/api/download/sidecars/${versionId}/civitai.info`,
  ]),
  '/api/download/sidecars/:id/preview.png': thing(({ versionId }) => [
    `/api/download/sidecars/${versionId}/preview.png`,
  ]),
  '/api/comfyui/tags/:tag/model-list.json': list('/api/comfyui/tags/fishes/model-list.json'),
  '/api/comfyui/collections/:id/model-list.json': listOf(({ collectionId }) => [
    `/api/comfyui/collections/${collectionId}/model-list.json`,
  ]),
  '/feeds/people/:name/models.atom': list('/feeds/people/ada/models.atom'),
  '/feeds/people/:name/images.atom': list('/feeds/people/ada/images.atom'),
  '/feeds/tags/:tag/models.atom': list('/feeds/tags/fishes/models.atom'),
  '/feeds/collections/:id.atom': listOf(({ collectionId }) => [`/feeds/collections/${collectionId}.atom`]),
  '/searches/:id': OWN,
  '/feeds/searches/:key.atom': apart('by a secret that is drawn: what is in the list that was saved (saved.test.ts)'),
  '/tags/:tag/edit': STAFF,
  '/feeds/tags/:tag/images.atom': list('/feeds/tags/fishes/images.atom'),
  '/posts/:id/edit': owner(({ postId }) => [`/posts/${postId}/edit`]),
  '/posts/:id/deleted': apart('that one’s own post is gone, with the way to undo that'),
  '/images/:id/workflow.json': thing(({ imageId }) => [`/images/${imageId}/workflow.json`]),
  '/images/:id/resources': owner(({ imageId }) => [`/images/${imageId}/resources?q=zebra`]),
  '/admin/accounts/:id': STAFF,
  ...{ '/moderation/queue/:id/pictures/:n': STAFF, '/moderation/queue/:id/images/:n': STAFF },
  ...{ '/moderation/vault/:id': STAFF, '/moderation/vault/:id/pictures/:veil': STAFF },
  '/decisions/:id': ACCOUNT,
  '/notifications/:id': apart('of who is told: leads on to the thing, which is asked as if by its own address'),
  '/settings/webhooks/:id': ACCOUNT,
  ...{ '/uploads/files/:id': OWN, '/uploads/pictures/:id': OWN },
  '/generate/images/:id.webp': OWN,
  '/generate/images/:id': OWN,
  '/generate/inputs/:sha.png': OWN,
  '/generate/:id/events': OWN,
  '/generate/:id': OWN,
  '/api/v1/runner/orders/:id/files/:sha256': RUNNER,
  '/api/v1/runner/orders/:id/returns/:sha256': RUNNER,
  '/datasets/:id': OWN,
  '/datasets/:id/export': OWN,
  '/datasets/:id/events': OWN,
  '/datasets/:id/deleted': OWN,
  '/datasets/:id/captioning/events': OWN,
  '/datasets/:id/captions': OWN,
  '/dataset-images/:id': OWN,
  '/dataset-images/:id/thumb.webp': OWN,
  '/dataset-images/:id/turned.webp': OWN,
  '/datasets/:id/train': OWN,
  '/datasets/:id/train/settings': OWN,
  '/train/:id': OWN,
  '/train/:id/events': OWN,
  '/train/:id/kohya.toml': OWN,
  '/train/:id/dataset.toml': OWN,
  '/train/epochs/:id.safetensors': OWN,
  '/train/samples/:id.png': OWN,
  '/train/samples/:id.webp': OWN,
  '/train/epochs/:id/publish': OWN,
  '/merge/:id': OWN,
  '/merge/:id/events': OWN,
  '/merge/:id/file.safetensors': OWN,
  '/merge/:id/publish': OWN,
  ...{ '/import/:id': OWN, '/import/:id/events': OWN },
};
