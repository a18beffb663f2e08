const WITHHELD = 'restrictions & 33 <> 0'; // `RESTRICTION.view` and `RESTRICTION.removed`

/**
 * Written by hand, for both databases: what was published before there were audiences is shown to those who could see
 * it, as `relistPost` and `refreshModel` would write it.
 */
export const SHOW_WHAT_WAS_PUBLISHED: readonly string[] = [
  'update model set shown_at = listed_at',
  `update image set shown_at = (select p.published_at from post p where p.id = image.post_id)
   where deleted_at is null and level > 0 and level < 32
     and exists (select 1 from post p where p.id = image.post_id and p.state = 'published')
     and not exists (select 1 from policy_state s where ${WITHHELD}
       and ((s.target_kind = 'image' and s.target_id = image.id)
         or (s.target_kind = 'post' and s.target_id = image.post_id)
         or (s.target_kind = 'account' and s.target_id = image.owner_id)))`,
  `update post set shown_at = published_at
   where exists (select 1 from image i where i.post_id = post.id and i.shown_at is not null)`,
];
