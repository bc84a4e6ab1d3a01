/** One page of a list as the service answers. */
interface Page {
  readonly nextPageToken: string;
}

/** What a list command got: pages as one, and whether it stopped before the end. */
export interface Listed<Answer extends Page, Element> {
  /** The last page's answer: its token is that of all pages. */
  readonly last: Answer;
  readonly elements: readonly Element[];
  /** There are more, left out because of the limit. */
  readonly more: boolean;
}

/** The most elements that a page has. */
export const pageSizeMax = 1000;

/** Asks page by page, until the end or until there are `limit` elements. */
export async function readPages<Answer extends Page, Element>(
  ask: (page: { readonly pageSize: number; readonly pageToken: string }) => Promise<Answer>,
  elementsOf: (answer: Answer) => readonly Element[],
  limit: number,
): Promise<Listed<Answer, Element>> {
  const elements: Element[] = [];
  let pageToken = "";
  for (;;) {
    const pageSize = Math.min(pageSizeMax, limit - elements.length);
    const last = await ask({ pageSize, pageToken });
    elements.push(...elementsOf(last));
    pageToken = last.nextPageToken;
    if (pageToken === "" || elements.length >= limit) {
      return { last, elements, more: pageToken !== "" };
    }
  }
}
