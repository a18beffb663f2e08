import { RATING } from '../../ratings.ts';
import { type RuleSet, RuleSet as Schema } from './schema.ts';
import { ADULT, MINOR } from './terms-age.ts';
import { EXPLICIT, GARMENT, INNOCENT, NUDITY, REMOVAL, SEXUALISED, SWIMWEAR, UNDRESS } from './terms-sexual.ts';

const SEXUAL = ['explicit', 'nudity', 'sexualised'];
/** Not what a checkpoint is called: that is what it can make, and the gate of models judges that. */
const ASKED = ['positive', 'title', 'tag', 'caption', 'trigger', 'bounty'] as const;
/** Whatever says that somebody is no adult, or that they shall not be one. */
const MINOR_SIGNAL = [
  { lists: ['minor'] },
  { lists: ['adult'], scopes: ['negative' as const] },
  { flag: 'minor' as const },
];
const A_PICTURE_OF_SOMEBODY = [{ flag: 'photo' as const }, { flag: 'unproven' as const }];

/** The rules that a node begins with (spec/guardrails.md, end of 3.2, and 3.3). */
export const DEFAULT_RULES: RuleSet = Schema.parse({
  version: 'default-2',
  lists: {
    ...{ minor: MINOR, adult: ADULT, explicit: EXPLICIT, nudity: NUDITY, sexualised: SEXUALISED, swimwear: SWIMWEAR },
    ...{ undress: UNDRESS, removal: REMOVAL, garment: GARMENT },
  },
  exceptions: INNOCENT,
  levels: { explicit: RATING.x, nudity: RATING.r, sexualised: RATING.pg13, swimwear: RATING.pg13 },
  rules: [
    {
      ...{ id: 'minor-sexual', category: 'minor-sexual', severity: 'hard', action: 'deny' },
      when: [{ any: MINOR_SIGNAL }, { lists: SEXUAL, scopes: ASKED }],
    },
    {
      ...{ id: 'minor-undress', category: 'minor-sexual', severity: 'hard', action: 'deny' },
      when: [{ lists: ['minor'] }, { any: [{ lists: ['undress'] }, { near: ['removal', 'garment'], within: 12 }] }],
    },
    {
      ...{ id: 'minor-resource-rating', category: 'minor-sexual', severity: 'hard', action: 'deny' },
      when: [{ flag: 'minor' }, { levelAbove: RATING.pg }],
    },
    {
      ...{ id: 'minor-swimwear', category: 'minor-review', severity: 'soft', action: 'hold', ceiling: RATING.pg },
      when: [{ lists: ['minor'] }, { lists: ['swimwear'], scopes: ASKED }],
    },
    {
      ...{ id: 'minor-almost', category: 'minor-review', severity: 'soft', action: 'hold', ceiling: RATING.pg },
      when: [{ almost: ['minor'] }, { almost: SEXUAL, scopes: ASKED }],
    },
    {
      // who speaks of it may as well warn of it: a person reads that
      ...{ id: 'prose-minor', category: 'minor-review', severity: 'soft', action: 'hold' },
      when: [{ any: SEXUAL.map((list) => ({ near: ['minor', list], within: 40, scopes: ['prose' as const] })) }],
    },
    {
      ...{ id: 'prose-of-minor', category: 'minor-review', severity: 'soft', action: 'hold' },
      when: [{ lists: ['minor'] }, { lists: SEXUAL, scopes: ['prose'] }],
    },
    {
      ...{ id: 'minor-alone', category: 'minor', severity: 'soft', action: 'force_rating', ceiling: RATING.pg },
      when: [{ any: [{ lists: ['minor'] }, { flag: 'minor' }] }],
    },
    {
      ...{ id: 'photo-undress', category: 'photo-undress', severity: 'hard', action: 'deny' },
      when: [
        { any: [...A_PICTURE_OF_SOMEBODY, { flag: 'claimed' }] },
        { any: [{ lists: ['undress'] }, { near: ['removal', 'garment'], within: 30 }] },
      ],
    },
    {
      ...{ id: 'photo-sexual', category: 'photo-undress', severity: 'hard', action: 'deny' },
      when: [{ any: A_PICTURE_OF_SOMEBODY }, { lists: SEXUAL, scopes: ASKED }],
    },
    {
      ...{ id: 'photo-ceiling', category: 'photo', severity: 'soft', action: 'force_rating', ceiling: RATING.pg13 },
      when: [{ any: A_PICTURE_OF_SOMEBODY }],
    },
    {
      ...{ id: 'poi', category: 'likeness', severity: 'hard', action: 'deny' },
      when: [{ flag: 'poi' }],
    },
    {
      ...{ id: 'protected-person', category: 'protected-person', severity: 'hard', action: 'deny' },
      when: [{ person: true }],
    },
    {
      ...{ id: 'sfw-only', category: 'licence', severity: 'soft', action: 'deny' },
      when: [{ flag: 'sfwOnly' }, { lists: ['explicit', 'nudity'], scopes: ASKED }],
    },
    {
      ...{ id: 'unscannable', category: 'unscannable', severity: 'soft', action: 'hold' },
      when: [{ unscannableAbove: 0.3 }, { levelAbove: RATING.pg }],
    },
    {
      ...{ id: 'tangled', category: 'tangled', severity: 'soft', action: 'deny' },
      when: [{ tangled: true }],
    },
    {
      ...{ id: 'mixed-scripts', category: 'mixed-scripts', severity: 'soft', action: 'count' },
      when: [{ mixedScripts: true }],
    },
  ],
  tests: [
    { texts: [{ scope: 'positive', text: 'a lighthouse at dusk, oil painting' }], action: 'allow' },
    { texts: [{ scope: 'positive', text: 'nude woman, 30 years old, charcoal study' }], action: 'allow' },
    { texts: [{ scope: 'positive', text: 'a child flying a kite' }], action: 'force_rating' },
    { texts: [{ scope: 'positive', text: 'a nude child' }], action: 'deny' },
    { texts: [{ scope: 'positive', text: 'nude, 15 years old' }], action: 'deny' },
    { texts: [{ scope: 'positive', text: 'nude girl (l0l1:0)' }], action: 'deny' },
    {
      texts: [
        { scope: 'positive', text: 'a child flying a kite' },
        { scope: 'resource', text: 'Everything NSFW v3' },
      ],
      action: 'force_rating',
    },
    {
      texts: [
        { scope: 'positive', text: 'a child flying a kite' },
        { scope: 'trigger', text: 'nude poses' },
      ],
      action: 'deny',
    },
    {
      texts: [
        { scope: 'positive', text: 'nude woman' },
        { scope: 'negative', text: 'adult' },
      ],
      action: 'deny',
    },
    {
      texts: [
        { scope: 'positive', text: 'portrait of a woman' },
        { scope: 'negative', text: 'nsfw, nude, child' },
      ],
      action: 'allow',
    },
    {
      texts: [
        {
          scope: 'prose',
          text: 'My kids like this lighthouse, and I like how it stands there. Nude studies are my trade',
        },
      ],
      action: 'allow',
    },
    { texts: [{ scope: 'prose', text: 'this looks like a naked child' }], action: 'hold' },
    {
      texts: [
        { scope: 'title', text: 'Little girl' },
        { scope: 'prose', text: 'also makes her nude' },
      ],
      action: 'hold',
    },
    { texts: [{ scope: 'positive', text: 'remove her shirt' }], flags: ['photo'], action: 'deny' },
    { texts: [{ scope: 'positive', text: 'make the sky blue' }], flags: ['photo'], action: 'force_rating' },
    { texts: [{ scope: 'positive', text: 'portrait' }], flags: ['poi'], action: 'deny' },
    { texts: [{ scope: 'positive', text: 'portrait' }], flags: ['minor'], level: 4, action: 'deny' },
  ],
});
