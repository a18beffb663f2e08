import type { Name } from './people.ts';
import type { FullSite } from './site.ts';

/** Nobody, somebody who has given their password and not yet a code, or one of the people of the site. */
export type Who = Name | 'visitor' | 'halfway';
type Paths = readonly string[];
export type Looks = Partial<Record<Who, Paths | ((site: FullSite) => Paths)>>;

const settings = (...names: string[]): Record<string, Looks> =>
  Object.fromEntries(names.map((name) => [`/settings/${name}`, { ada: [`/settings/${name}`] }]));
const alone = (who: Who, ...paths: string[]): Record<string, Looks> =>
  Object.fromEntries(paths.map((path) => [path, { [who]: [path] }]));
const images = ({ post }: FullSite, n: number): number => post.imageIds[n] ?? 0;

/** Every route that answers GET with a page, and who looks at it where. `/setup` is looked at before there is an owner. */
export const PAGES: Readonly<Record<string, Looks>> = {
  '/setup': {},
  '/': { visitor: ['/?view=everywhere'], ben: ['/'] },
  ...alone('visitor', '/about', '/about/trending', '/terms', '/rules', '/api', '/ns', '/offline', '/transparency'),
  ...alone('visitor', '/protect-me', '/sign-in', '/sign-up', '/password/forgotten', '/verify-email/again'),
  '/verify-email': { visitor: ['/verify-email?token=abc'] },
  '/password/reset': { visitor: ({ resetToken }) => [`/password/reset?token=${resetToken}`] },
  '/sign-in/code': { halfway: ['/sign-in/code'] },

  '/models': { visitor: ['/models?may=sell&not=photo'], ada: ['/models?format=GGUF&may=sell'] },
  '/models/:id{/:slug}': {
    visitor: ({ model, mergedModelId }) => [`/models/${model.id}`, `/models/${mergedModelId}`],
    ada: ({ model }) => [`/models/${model.id}`],
    ben: ({ model }) => [`/models/${model.id}?version=${model.draftVersionId}`],
  },
  '/images': { visitor: ['/images?q=circles&recipe=1'] },
  '/images/:id': { ben: (site) => [`/images/${images(site, 0)}`, `/images/${site.sensitiveImageId}`] },
  '/images/:id/similar': {
    visitor: (site) => [`/images/${images(site, 0)}/similar`, `/images/${images(site, 0)}/similar?by=models`],
  },
  '/images/:id/remixes': { visitor: (site) => [`/images/${images(site, 0)}/remixes`] },
  '/images/:id/comments': { ben: (site) => [`/images/${images(site, 0)}/comments?upto=${site.commentId}`] },
  '/images/:id/resources': { ada: (site) => [`/images/${images(site, 2)}/resources?q=ink`] },
  '/posts/:id': { ben: ({ post }) => [`/posts/${post.id}`] },
  '/posts/:id/edit': { ada: ({ draftPostId }) => [`/posts/${draftPostId}/edit`] },
  '/posts/:id/deleted': { ada: ({ draftPostId }) => [`/posts/${draftPostId}/deleted`] },
  '/:handle': {
    visitor: ['/@ada?show=images', '/@ada?show=models', '/@ben?show=collections'],
    ada: ['/@ada'],
    ben: ['/@ada', '/@cyd'],
  },
  '/tags/:tag': { visitor: ['/tags/circles'], ben: ['/tags/circles'] },
  '/tags/:tag/edit': { mia: ['/tags/circles/edit'] },
  '/search': { visitor: ['/search', '/search?q=ink', '/search?q=zzzz', '/search?q=ink&kind=models&type=LORA'] },
  ...alone('ada', '/searches'),
  '/searches/new': { ada: ['/searches/new?kind=models&tag=ink'] },
  '/hashes/:hash': { ben: [`/hashes/${'a'.repeat(64)}`] },
  '/comments/:id/edit': { ben: ({ commentId }) => [`/comments/${commentId}/edit`] },
  '/reviews/:id': {
    visitor: ({ reviewId }) => [`/reviews/${reviewId}`],
    ben: ({ reviewId }) => [`/reviews/${reviewId}`],
  },

  '/collections': {
    ben: ({ model }) => ['/collections', `/collections?model=${model.id}`],
    ada: (site) => [`/collections?image=${images(site, 1)}`],
  },
  '/collections/:id': {
    visitor: ({ shelfId, openId, endedId }) => [shelfId, openId, endedId].map((id) => `/collections/${id}`),
    ben: ({ shelfId, judgingId }) => [shelfId, judgingId].map((id) => `/collections/${id}`),
    jo: ({ shelfId, judgingId }) => [shelfId, judgingId].map((id) => `/collections/${id}`),
    mia: ({ shelfId }) => [`/collections/${shelfId}`],
  },
  '/collections/:id/edit': { ben: ({ shelfId }) => [`/collections/${shelfId}/edit`] },
  '/collections/:id/items': { ben: ({ shelfId }) => [`/collections/${shelfId}/items`] },
  '/collections/:id/people': {
    ben: ({ shelfId, openId }) => [shelfId, openId].map((id) => `/collections/${id}/people`),
  },
  '/collections/:id/review': { ben: ({ shelfId }) => [`/collections/${shelfId}/review`] },
  '/collections/:id/mine': { ada: ({ shelfId }) => [`/collections/${shelfId}/mine`] },
  '/collections/:id/refusals': { ada: ({ shelfId }) => [`/collections/${shelfId}/refusals`] },
  '/collections/:id/contest': {
    ben: ({ openId, shelfId }) => [openId, shelfId].map((id) => `/collections/${id}/contest`),
  },
  '/collections/:id/entries': {
    visitor: ({ endedId }) => [`/collections/${endedId}/entries`],
    mia: ({ openId }) => [`/collections/${openId}/entries`],
  },
  '/collections/:id/judging': { jo: ({ judgingId }) => [`/collections/${judgingId}/judging`] },
  '/collections/:id/result': { ben: ({ judgingId }) => [`/collections/${judgingId}/result`] },
  '/contests': { visitor: ['/contests', '/contests?show=judging', '/contests?show=ended'] },

  '/versions/:id/edit': { ada: ({ model }) => [`/versions/${model.versionId}/edit`] },
  '/versions/:id/early-access': {
    ada: ({ model }) => [`/versions/${model.draftVersionId}/early-access`],
    cyd: ({ model }) => [`/versions/${model.draftVersionId}/early-access`],
  },
  '/credits': { ada: ['/credits'], ben: ['/credits'] },
  '/tips/new': { ben: (site) => [`/tips/new?about=image:${images(site, 0)}`] },
  '/tips/sent': { ben: (site) => [`/tips/sent?about=image:${images(site, 0)}`] },
  '/licence-offers/model/:id': { ada: ({ model }) => [`/licence-offers/model/${model.id}`] },
  '/licence-offers/:id': { ben: ({ printsId, mergesId }) => [printsId, mergesId].map((id) => `/licence-offers/${id}`) },
  '/licences': { ada: ['/licences'], ben: ['/licences'] },
  '/licences/:id': {
    ada: ({ askedId, licenceId }) => [askedId, licenceId].map((id) => `/licences/${id}`),
    ben: ({ licenceId }) => [`/licences/${licenceId}`],
  },
  '/rights': { ada: ['/rights'], rita: ['/rights'] },
  '/rights/offers': { visitor: ['/rights/offers'] },
  '/rights/claims/:number': { rita: ({ caseNumber }) => [`/rights/claims/${caseNumber}`] },
  '/rights/offers/:id': { ada: ({ rightsOfferId, model }) => [`/rights/offers/${rightsOfferId}?model=${model.id}`] },
  '/rights/licences/:id': {
    rita: ({ rightsAskedId }) => [`/rights/licences/${rightsAskedId}`],
    ada: ({ rightsLicenceId }) => [`/rights/licences/${rightsLicenceId}`],
  },
  '/bounties': { visitor: ['/bounties', '/bounties?show=over'], ben: ['/bounties'] },
  ...alone('ben', '/bounties/new'),
  '/bounties/:id': {
    visitor: ({ awardedId }) => [`/bounties/${awardedId}`],
    ben: ({ bountyId }) => [`/bounties/${bountyId}`],
    ada: ({ bountyId }) => [`/bounties/${bountyId}`],
  },
  '/bounties/:id/edit': { ben: ({ bountyId }) => [`/bounties/${bountyId}/edit`] },
  '/bounties/:id/entries/new': { ada: ({ bountyId }) => [`/bounties/${bountyId}/entries/new`] },
  '/bounties/:id/entries/:entryId/edit': {
    ada: ({ bountyId, entryId }) => [`/bounties/${bountyId}/entries/${entryId}/edit`],
  },

  '/notifications': { ada: ['/notifications', '/notifications?show=unread'], jo: ['/notifications'] },
  '/notifications/unsubscribe': {
    visitor: ({ unsubscribeKey }) => [`/notifications/unsubscribe?who=${unsubscribeKey}`],
  },
  ...settings('profile', 'account', 'security', 'security/app', 'sessions', 'tokens', 'apps', 'browsing', 'moving'),
  ...settings('data', 'export', 'notifications', 'webhooks'),
  '/settings/people': { ada: ['/settings/people'] },
  '/settings/hidden': { ben: ['/settings/hidden'] },
  '/settings/following': { ben: ['/settings/following'] },
  '/settings/statistics': {
    ada: ({ model }) => ['/settings/statistics', `/settings/statistics?days=365&model=${model.id}`],
  },
  '/settings/webhooks/:id': { ada: ({ webhookId }) => [`/settings/webhooks/${webhookId}`] },
  '/oauth/authorize': { ada: ({ consentUrl }) => [consentUrl] },
  ...alone('ada', '/upload', '/upload/images', '/import'),
  '/import/:id': { ada: ({ transferId }) => [`/import/${transferId}`] },
  '/authorize_interaction': { ben: ['/authorize_interaction'] },
  '/accounts/:id/remote-follow': { visitor: ({ ada }) => [`/accounts/${ada.id}/remote-follow`] },
  '/actors/:name/remote-follow': { visitor: ({ model }) => [`/actors/model-${model.id}/remote-follow`] },

  ...alone('ada', '/jobs', '/train'),
  '/generate': { ada: ['/generate'], olga: ['/generate'] },
  '/generate/:id': { ada: ({ generationId }) => [`/generate/${generationId}`] },
  '/generate/compare': {
    ada: ({ resultIds }) => [`/generate/compare?${resultIds.map((id) => `image=${id}`).join('&')}`],
  },
  '/datasets/:id': { ada: ({ datasetId }) => [`/datasets/${datasetId}`] },
  '/datasets/:id/captions': { ada: ({ datasetId }) => [`/datasets/${datasetId}/captions`] },
  '/datasets/:id/deleted': { ada: ({ datasetId }) => [`/datasets/${datasetId}/deleted`] },
  '/datasets/:id/train': { ada: ({ datasetId }) => [`/datasets/${datasetId}/train`] },
  '/datasets/:id/train/settings': {
    ada: ({ datasetId, chosen }) => [`/datasets/${datasetId}/train/settings?base=${chosen.base}`],
  },
  '/dataset-images/:id': { ada: ({ itemId }) => [`/dataset-images/${itemId}`] },
  '/train/:id': { ada: ({ runId }) => [`/train/${runId}`] },
  '/train/epochs/:id/publish': { ada: ({ epochId }) => [`/train/epochs/${epochId}/publish`] },
  '/merge': { ada: ({ chosen: { a, b } }) => ['/merge', `/merge?a=${a}&b=${b}&fill=grad-v`] },
  '/merge/:id': { ada: ({ mergeId }) => [`/merge/${mergeId}`] },
  '/merge/:id/publish': { ada: ({ mergeId }) => [`/merge/${mergeId}/publish`] },

  '/claims/new': { visitor: ['/claims/new', '/claims/new?type=copyright', '/claims/new?type=ncii'] },
  '/claims/:number': { visitor: ({ claim }) => [`/claims/${claim.number}`] },
  '/claims/:number/confirmation': { visitor: ({ claim }) => [`/claims/${claim.number}/confirmation?token=abc`] },
  ...alone('ada', '/cases', '/decisions'),
  '/cases/:number': { ada: ({ caseNumber, claim }) => [caseNumber, claim.number].map((number) => `/cases/${number}`) },
  '/decisions/:id': { ada: ({ decisionId }) => [`/decisions/${decisionId}`] },
  '/reports': { ben: ['/reports'] },
  '/reports/new': { ben: (site) => [`/reports/new?about=image:${images(site, 0)}`] },
  ...alone('ben', '/reports/thanks'),
  ...alone('mia', '/moderation', '/moderation/audit', '/moderation/vault', '/moderation/orders'),
  ...alone('mia', '/admin/protected-people', '/admin/peer-reports'),
  ...alone('olga', '/moderation/rules', '/moderation/hashes', '/moderation/prompt-rules', '/admin/guard'),
  '/moderation/queue/:id': { mia: ({ rowId }) => [`/moderation/queue/${rowId}`] },
  '/moderation/cases/:id': {
    mia: ({ caseId, claim }) => [caseId, claim.caseId].map((id) => `/moderation/cases/${id}`),
  },
  '/moderation/vault/:id': { mia: ({ vaultId }) => [`/moderation/vault/${vaultId}`] },
  '/moderation/takedowns/:id/peers': { mia: ({ takedownId }) => [`/moderation/takedowns/${takedownId}/peers`] },
  ...alone('olga', '/admin/start', '/admin/node', '/admin/accounts', '/admin/invites', '/admin/mail'),
  ...alone('olga', '/admin/sign-ups', '/admin/credits', '/admin/copies', '/admin/claims', '/admin/gpu', '/admin/jobs'),
  ...alone('olga', '/admin/base-models', '/admin/storage', '/admin/reading', '/admin/peer-media', '/admin/federation'),
  ...alone('olga', '/admin/federation/log', '/admin/federation/lists'),
  '/admin/accounts/:id': { olga: ({ ada }) => [`/admin/accounts/${ada.id}`] },
  '/admin/federation/lists/:id': { olga: ({ hostListId }) => [`/admin/federation/lists/${hostListId}`] },
  '/admin/federation/peer': { olga: ['/admin/federation/peer?host=far.example'] },
};

const FILE = 'a file or a picture';
const STREAM = 'events of a page, without an end';
const PROGRAMS = 'answers programs';
const PEERS = 'a document for peers; a browser is led on, or to the page of the same address';
const LEADS_ON = 'leads on to a page of this table';
const PART = 'a part of a page, for its scripts';

/** What answers GET and is no page, with what it is. Of several that fit, the first counts. */
export const NO_PAGES: readonly (readonly [RegExp, string])[] = [
  [/\.(?:webp|png|csv|toml|safetensors|webmanifest)$/, FILE],
  [/\.(?:json|atom)$/, PROGRAMS],
  [/\/events$/, STREAM],
  [/^\/(?:api\/(?:v1|download)|sdapi|\.well-known|nodeinfo)\//, PROGRAMS],
  [/^\/(?:media\/|\^)/, FILE],
  [/^\/\.\*\/$/, 'what is done for every address before its own route'],
  [/\/(?:attachments\/:picture|pictures\/:(?:n|veil)|images\/:n)$/, FILE],
  [/^\/(?:generate\/images\/:id|datasets\/:id\/export|bounties\/:id\/entries\/:entryId\/file)$/, FILE],
  [/^\/(?:settings\/export|exports)\/archive$/, FILE],
  [/^\/admin\/federation\/lists\/export\/:format$/, FILE],
  [/^\/(?:actor|users)(?:\/|$)/, PEERS],
  [/^(?!\/settings\/).*\/(?:inbox|outbox|followers|following|liked|replies|likes|shares|note|actor)$/, PEERS],
  [/^\/(?:models\/:id(?:\/:slug)?|tags\/:id|quotes\/:id|notices\/(?::id|copies))$/, PEERS],
  [/^\/(?:admin|settings|datasets|generate\/form|claims\/find)$/, LEADS_ON],
  [/^\/(?:versions|comments|searches|notifications)\/:id$/, LEADS_ON],
  [/^\/(?:models|posts|reviews|bounties)\/:id\/comments$/, 'the page of earlier comments, looked at under a picture'],
  [/^\/suggest(?:\/people)?$/, PART],
  [/^\/uploads\//, 'tus, which says with HEAD how far an upload is; GET finds nothing'],
];
