import { ClaimCase } from './case.ts';
import { CaseClaimant, CaseMail } from './claimant.ts';
import { CaseClock } from './clock.ts';
import { CaseAppeal, CounterNotice } from './redress.ts';
import { MisuseMark, Strike } from './strike.ts';
import { CaseMessage, CaseOffer } from './talk.ts';

export const CASE_ENTITIES = [
  ...[ClaimCase, CaseClaimant, CaseMail, CaseClock, CaseMessage, CaseOffer],
  ...[CounterNotice, CaseAppeal, Strike, MisuseMark],
];
