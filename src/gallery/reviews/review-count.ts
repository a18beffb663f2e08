const countOf = (isRecommended: boolean): string =>
  `(select count(*) from review r join account a on a.id = r.author_id where r.version_id = model_version.id
     and r.is_recommended = ${isRecommended} and r.deleted_at is null and r.withheld_at is null and a.state = 'active')`;

/** What sets the thumbs of a version from its reviews: of those that lie here, ours and those of peers. */
export const REVIEW_COUNT = `thumbs_up_count = ${countOf(true)}, thumbs_down_count = ${countOf(false)}`;
