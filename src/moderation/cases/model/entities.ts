import { ClaimCase } from './case.ts';
import { CaseClaimant, CaseMail } from './claimant.ts';
import { CaseClock } from './clock.ts';
import { AuthorityOrder } from './order.ts';
import { ArtistProof, IdentityProof } from './proofs.ts';
import { CaseAppeal, CaseLicence, CounterDraft, CounterNotice } from './redress.ts';
import { MisuseMark, Strike } from './strike.ts';
import { CaseAttachment, CaseMessage, CaseOffer } from './talk.ts';

export const CASE_ENTITIES = [
  ...[ClaimCase, CaseClaimant, CaseMail, CaseClock, CaseMessage, CaseAttachment, CaseOffer],
  ...[
    CounterNotice,
    CounterDraft,
    CaseLicence,
    CaseAppeal,
    Strike,
    MisuseMark,
    IdentityProof,
    ArtistProof,
    AuthorityOrder,
  ],
];
