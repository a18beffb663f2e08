/** A grant `g` that holds; takes the time. One that was taken back holds until its notice is over. */
export const HOLDS_SQL = `g.state in ('granted', 'revoked') and (g.expires_at is null or g.expires_at > ?)`;
