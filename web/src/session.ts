/**
 * The key of this tab. It lives in sessionStorage: gone with the tab, never in an address, a log or a cookie.
 *
 * `chimera demo` prints a link that ends in `#key=…`. The part behind # is never sent to a server; it is taken over
 * here and wiped from the address bar and the history before anything else runs.
 */

const SLOT = "chimera.key";

export function storedKey(): string | null {
  return sessionStorage.getItem(SLOT);
}

export function storeKey(key: string): void {
  sessionStorage.setItem(SLOT, key);
}

export function forgetKey(): void {
  sessionStorage.removeItem(SLOT);
}

/** Moves a `#key=…` of the address into the session; says whether there was one. */
export function adoptKeyFromAddress(location: Location, history: History): boolean {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!key) return false;
  storeKey(key);
  history.replaceState(null, "", location.pathname + location.search);
  return true;
}
