/** Lists that come in pages. */

/** The largest page that the orchestrator gives. */
const LARGEST_PAGE = 1000;

/** A page, as every list of the control door gives it. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextPageToken: string;
}

/** Up to `limit` items, and whether there are more. */
export async function collectPages<Item>(
  fetch: (pageSize: number, pageToken: string) => Promise<Page<Item>>,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<{ items: Item[]; isCut: boolean }> {
  const items: Item[] = [];
  let pageToken = '';
  do {
    const page = await fetch(Math.min(LARGEST_PAGE, limit - items.length), pageToken);
    items.push(...page.items.slice(0, limit - items.length));
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && items.length < limit);
  return { items, isCut: pageToken !== '' };
}
