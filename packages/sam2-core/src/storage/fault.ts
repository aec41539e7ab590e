/** Why a file that a browser's own loader could not load is not there: those loaders do not say. */

/**
 * Asks for a file once more, without reading it.
 *
 * @returns what is wrong, for a message; null if nothing is
 */
export async function fetchFault(address: string): Promise<string | null> {
  try {
    const response = await fetch(address, { method: "HEAD", cache: "no-store" } as RequestInit);
    if (!response.ok) return `got status ${response.status}`;
    return isWebPage(response) ? "got a web page" : null;
  } catch {
    return "got no answer";
  }
}

/** Whether an answer is a page: hosts of single-page applications answer so in place of a 404. */
export function isWebPage({ headers }: Response): boolean {
  return headers.get("content-type")?.startsWith("text/html") ?? false;
}
