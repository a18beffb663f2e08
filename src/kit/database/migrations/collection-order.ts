/** Written by hand, for both databases: a collection that had no order of its owner's keeps the one that it was shown in. */
export const KEEP_ORDER_OF_COLLECTIONS = `update collection_item set position = o.n from (
    select x.id, row_number() over (partition by x.collection_id order by x.added_at desc, x.id desc) as n
    from collection_item x) o where o.id = collection_item.id`;
