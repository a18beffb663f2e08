import { readFileHash } from '../../catalogue/files/by-hash.ts';
import { licenseName } from '../../catalogue/licences.ts';
import { COMMERCIAL_USES } from '../../catalogue/types.ts';
import { listModelsByHash } from '../../discovery/by-hash.ts';
import type { ModelCardView } from '../../discovery/cards.ts';
import { eyesOf } from '../../gallery/views.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { isHostAllowed } from '../policy.ts';
import { listUnasked } from './ask.ts';
import { HolderAnswer, type OfferedFile } from './model.ts';

interface OfferView {
  readonly host: string;
  readonly title: string;
  readonly facts: string;
  readonly fileName: string;
  readonly totalBytes: number | null;
  readonly permissions: readonly { readonly text: string; readonly symbol: string }[];
  /** Our page of the model, after a look at its home. */
  readonly openUrl: string;
  readonly getUrl: string;
}

export interface HoldersPage {
  readonly hash: string;
  readonly here: readonly ModelCardView[];
  readonly isSignedIn: boolean;
  /** False where the node does not federate. */
  readonly canAsk: boolean;
  /** Nodes that were not asked, or not lately. */
  readonly unaskedCount: number;
  readonly wasAsked: boolean;
  readonly askedCount: number;
  readonly answeredCount: number;
  readonly offers: readonly OfferView[];
  /** Kept back by the viewer's ratings. */
  readonly hiddenCount: number;
  readonly silentHosts: readonly string[];
}

/** Throws `not_found` when this is no hash. */
export async function loadHoldersPage(work: Work, federation: Federation, text: string): Promise<HoldersPage> {
  const { em, viewer } = work;
  const hash = readFileHash(text);
  if (hash === null) throw new AppError('not_found', 'This is no hash of a file.');
  const eyes = await eyesOf(em, viewer);
  // what others asked is nobody's business who asks nothing
  const known = viewer
    ? await em.find(HolderAnswer, { hash }, { orderBy: { askedAt: 'asc', id: 'asc' }, limit: 100 })
    : [];
  const answers: HolderAnswer[] = [];
  for (const answer of known) if (await isHostAllowed(federation, em, answer.host)) answers.push(answer);
  // the page asks for itself every moment meanwhile
  const isAsking = answers.some(({ state }) => state === 'waiting');
  const all = answers.flatMap(({ host, offers }) => offers.map((offer) => ({ host, offer })));
  const shown = all.filter(({ offer }) => (offer.rating & eyes.levels) !== 0);
  return {
    hash,
    here: await listModelsByHash(em, eyes, hash),
    isSignedIn: viewer !== null,
    canAsk: federation.mode !== 'off',
    unaskedCount: viewer && !isAsking ? (await listUnasked(work, federation, hash)).length : 0,
    wasAsked: answers.length > 0,
    askedCount: answers.length,
    answeredCount: answers.filter(({ state }) => state !== 'waiting').length,
    offers: shown.map(({ host, offer }) => offerView(host, offer)),
    hiddenCount: all.length - shown.length,
    silentHosts: answers.filter(({ state }) => state === 'silent').map(({ host }) => host),
  };
}

function offerView(host: string, offer: OfferedFile): OfferView {
  const { modelType, versionName, baseModel, licenseId } = offer;
  const facts = [modelType, versionName, baseModel, licenseId === null ? null : licenseName(licenseId)];
  return {
    ...{ host, title: offer.title, fileName: offer.fileName, totalBytes: offer.totalBytes },
    facts: facts.filter((fact) => fact !== null && fact !== '').join(' · '),
    permissions: permissionsOf(offer),
    openUrl: `/search?q=${encodeURIComponent(offer.modelUri)}`,
    getUrl: offer.url,
  };
}

/** Its author's word, as far as it was given. */
function permissionsOf({ creditRequired, derivatives, commercialUse, generation }: OfferedFile) {
  const say = (key: string, symbol: 'check' | 'info' | 'ban') => ({ text: t(key), symbol });
  const uses = COMMERCIAL_USES.filter((use) => use !== 'None' && commercialUse?.includes(use));
  return [
    ...(creditRequired === null
      ? []
      : [say(`permission.credit.${!creditRequired}`, creditRequired ? 'info' : 'check')]),
    ...(derivatives === null ? [] : [say(`permission.derivatives.${derivatives}`, derivatives ? 'check' : 'ban')]),
    ...uses.map((use) => say(`permission.${use}`, 'check')),
    ...(commercialUse !== null && uses.length === 0 ? [say('permission.no-commerce', 'ban')] : []),
    ...(generation === false ? [say('permission.no-generation', 'ban')] : []),
  ];
}
