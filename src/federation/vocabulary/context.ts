/**
 * The one `@context` of everything we send: ActivityStreams by name, all our own terms inline, so that no reader has to
 * fetch anything. The spellings of terms that others defined are theirs (Mastodon, FEP-1311, Manyfold).
 */
export const CONTEXT = [
  'https://www.w3.org/ns/activitystreams',
  {
    tessera: 'urn:tessera:ns:',
    Hashtag: 'as:Hashtag',
    sensitive: 'as:sensitive',
    manuallyApprovesFollowers: 'as:manuallyApprovesFollowers',
    alsoKnownAs: { '@id': 'as:alsoKnownAs', '@type': '@id' },
    movedTo: { '@id': 'as:movedTo', '@type': '@id' },
    // ActivityStreams makes it an IRI, which `Note` is not: the bare name would be lost on expansion.
    formerType: { '@id': 'as:formerType', '@type': '@vocab' },
    toot: 'http://joinmastodon.org/ns#',
    blurhash: 'toot:blurhash',
    discoverable: 'toot:discoverable',
    indexable: 'toot:indexable',
    featured: { '@id': 'toot:featured', '@type': '@id' },
    schema: 'http://schema.org#',
    PropertyValue: 'schema:PropertyValue',
    value: 'schema:value',
    sec: 'https://w3id.org/security#',
    publicKey: { '@id': 'sec:publicKey', '@type': '@id' },
    owner: { '@id': 'sec:owner', '@type': '@id' },
    publicKeyPem: 'sec:publicKeyPem',
    assertionMethod: { '@id': 'sec:assertionMethod', '@type': '@id', '@container': '@set' },
    Multikey: 'sec:Multikey',
    controller: { '@id': 'sec:controller', '@type': '@id' },
    publicKeyMultibase: { '@id': 'sec:publicKeyMultibase', '@type': 'sec:multibase' },
    digestMultibase: { '@id': 'sec:digestMultibase', '@type': 'sec:multibase' },
    f3di: 'http://purl.org/f3di/ns#',
    'f3di:concreteType': { '@id': 'f3di:concreteType' },
    QuoteRequest: 'https://w3id.org/fep/044f#QuoteRequest',
    QuoteAuthorization: 'https://w3id.org/fep/044f#QuoteAuthorization',
    gts: 'https://gotosocial.org/ns#',
    interactionPolicy: { '@id': 'gts:interactionPolicy', '@type': '@id' },
    canQuote: { '@id': 'gts:canQuote', '@type': '@id' },
    automaticApproval: { '@id': 'gts:automaticApproval', '@type': '@id', '@container': '@set' },
    interactingObject: { '@id': 'gts:interactingObject', '@type': '@id' },
    interactionTarget: { '@id': 'gts:interactionTarget', '@type': '@id' },
    kind: 'tessera:kind',
    feed: { '@id': 'tessera:feed', '@type': '@id' },
    topic: { '@id': 'tessera:topic', '@type': '@id' },
    cover: { '@id': 'tessera:cover', '@type': '@id' },
    model: 'tessera:model',
    modelType: 'tessera:modelType',
    baseModel: 'tessera:baseModel',
    versionName: 'tessera:versionName',
    licenseId: 'tessera:licenseId',
    rating: 'tessera:rating',
    downloads: 'tessera:downloads',
    recommended: 'tessera:recommended',
    size: 'tessera:size',
    weight: 'tessera:weight',
    versions: { '@id': 'tessera:versions', '@container': '@list' },
    files: { '@id': 'tessera:files', '@container': '@list' },
    resources: { '@id': 'tessera:resources', '@container': '@list' },
    trainedWords: { '@id': 'tessera:trainedWords', '@container': '@set' },
    hashes: { '@id': 'tessera:hashes', '@type': '@json' },
    permissions: { '@id': 'tessera:permissions', '@type': '@json' },
    generation: { '@id': 'tessera:generation', '@type': '@json' },
    details: { '@id': 'tessera:details', '@type': '@json' },
    takedown: { '@id': 'tessera:takedown', '@type': '@json' },
    receipt: { '@id': 'tessera:receipt', '@type': '@json' },
    reportCode: 'tessera:reportCode',
    outcome: 'tessera:outcome',
  },
] as const;

/** In full, because Pixelfed knows no other spelling. */
export const AS_PUBLIC = 'https://www.w3.org/ns/activitystreams#Public';

/** What goes on the wire: JSON that nobody changes any more. */
export type Document = { readonly [key: string]: unknown };

export function withContext(body: Document): Document {
  return { '@context': CONTEXT, ...body };
}
