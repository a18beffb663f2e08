import { handle } from '../../accounts/model.ts';
import { listHistory } from '../../economy/history.ts';
import { findPurse } from '../../economy/ledger/accounts.ts';
import { usesOf } from '../../economy/licences/view.ts';
import { objectUri } from '../../federation/addresses.ts';
import { csvLine } from '../../kit/csv.ts';
import { rows, toDateOrNull } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Gathering } from './gather.ts';

/*
 * Tables to keep, which no node reads again: a licence holds between two accounts of this node, and credits are worth
 * something here alone.
 */

interface GrantRow {
  id: string;
  covers: string;
  model_id: number | null;
  model_uri: string | null;
  other_name: string;
  other_host: string;
  title: string;
  uses: unknown;
  [column: string]: unknown;
}

const FIELDS =
  'g.id, g.model_id, m.uri as model_uri, a.name as other_name, a.host as other_host, g.title, cast(g.uses as text) as uses, g.text, g.forbids, g.revocation, g.paid_credits, g.state, g.asked_at, g.decided_at, g.expires_at, g.ended_at';

const CREATORS = `select ${FIELDS}, '' as covers from licence_grant g join licence_offer o on o.id = g.offer_id
  left join model m on m.id = g.model_id`;
const HOLDERS = `select ${FIELDS}, g.covers from rights_grant g join rights_offer o on o.id = g.offer_id
  left join model m on m.id = g.model_id`;
const SOURCES = [
  { isGiven: true, sql: `${CREATORS} join account a on a.id = g.holder_id where o.owner_id = ?` },
  { isGiven: false, sql: `${CREATORS} join account a on a.id = o.owner_id where g.holder_id = ?` },
  { isGiven: true, sql: `${HOLDERS} join account a on a.id = g.licensee_id where o.owner_id = ?` },
  { isGiven: false, sql: `${HOLDERS} join account a on a.id = o.owner_id where g.licensee_id = ?` },
];
const PAGE = 200;
const NIL = '00000000-0000-0000-0000-000000000000';

/** What this person lets others do by licences, and what others let them: with the terms as they were agreed. */
export async function* gatherLicences({ em, origin, accountId }: Gathering): AsyncGenerator<string> {
  yield csvLine([
    ...['Given or held', 'With', 'Model', 'Covers', 'Licence', 'Uses', 'Terms', 'Not for', 'May be taken back'],
    ...['Credits', 'State', 'Asked', 'Decided', 'Holds until', 'Ended'],
  ]);
  const time = (value: unknown) => toDateOrNull(value)?.toISOString() ?? '';
  for (const { isGiven, sql } of SOURCES) {
    for (let after = NIL; ; ) {
      const found = await rows<GrantRow>(em, `${sql} and g.id > ? order by g.id limit ${PAGE}`, [accountId, after]);
      for (const row of found) {
        const model = row.model_id === null ? '' : objectUri(origin, 'model', { id: row.model_id, uri: row.model_uri });
        yield csvLine([
          ...[isGiven ? 'given' : 'held', handle({ name: row.other_name, host: row.other_host }), model],
          ...[row.covers, row.title, usesOf(row.uses).join('; '), String(row.text), String(row.forbids)],
          ...[String(row.revocation), String(row.paid_credits), t(`licence.state-${String(row.state)}`)],
          ...[row.asked_at, row.decided_at, row.expires_at, row.ended_at].map(time),
        ]);
      }
      if (found.length < PAGE) break;
      after = found.at(-1)?.id ?? after;
    }
  }
}

/** What came and went, the newest first. */
export async function* gatherCredits({ em, origin, accountId }: Gathering): AsyncGenerator<string> {
  yield csvLine(['At', 'Credits', 'What', 'With', 'Note', 'Address']);
  const purse = await findPurse(em, accountId);
  for (let before = ''; purse; ) {
    const { lines, nextBefore } = await listHistory(em, purse.id, before);
    for (const { at, amount, what, other, note, url } of lines) {
      yield csvLine([at, String(amount), what, other?.label ?? '', note, url === '' ? '' : `${origin}${url}`]);
    }
    if (nextBefore === '') return;
    before = nextBefore;
  }
}
