/**
 * A claim `c` that a person or a timer upheld and that nothing contests now; one that went into another shares its fate.
 * Intimate pictures and children have no licences at all. What came back because it was licensed was upheld all the same.
 */
export const UPHELD_SQL = `c.origin = 'form' and c.type not in ('minor', 'ncii')
  and exists (select 1 from claim_case m where m.id = coalesce(c.merged_into_id, c.id)
    and m.outcome in ('remove', 'de_attribute', 'limit', 'credit', 'licence', 're_rate', 'age_lock', 'account_action')
    and (m.state in ('executed', 'closed') or (m.state = 'reinstated'
      and exists (select 1 from case_licence k where k.case_id = m.id and k.refused_at is null))))`;

/**
 * May this not be done with `model m` by the terms of a rights holder from whom its owner took a licence? Takes the time.
 * True as soon as one of them lets it in none of their licences that hold, also after all of theirs ended.
 */
export const barredByRightsSql = (use: 'merge' | 'commercial' | 'resale'): string => `exists (
  select o.owner_id from rights_grant g join rights_offer o on o.id = g.offer_id join claim_case c on c.id = o.case_id
  where g.model_id = m.id and g.state in ('granted', 'revoked') and ${UPHELD_SQL} group by o.owner_id
  having max(case when (g.expires_at is null or g.expires_at > ?) and cast(g.uses as text) like '%"${use}"%'
    then 1 else 0 end) = 0)`;
