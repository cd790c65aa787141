/**
 * Who this tab is signed in as: an API key, or a login by wallet. It lives in sessionStorage: gone with the tab,
 * never in an address, a log or a cookie.
 *
 * `chimera demo` prints a link that ends in `#key=…`. The part behind # is never sent to a server; it is taken over
 * here and wiped from the address bar and the history before anything else runs.
 */

const KEY = "chimera.key";
const LOGIN = "chimera.login";

/** A login by wallet: its token lives for minutes, and the refresh token, good once, gives the next one. */
export interface Login {
  token: string;
  refresh: string;
  /** By this browser's clock, in milliseconds. */
  expiresAt: number;
}

/** What goes with every call now: an API key or a login's newest token; null: nobody is signed in. */
export function storedKey(): string | null {
  return sessionStorage.getItem(KEY) ?? storedLogin()?.token ?? null;
}

export function storeKey(key: string): void {
  forgetKey();
  sessionStorage.setItem(KEY, key);
}

export function storedLogin(): Login | null {
  try {
    const told = JSON.parse(sessionStorage.getItem(LOGIN) ?? "null") as Partial<Login> | null;
    const sound = typeof told?.token === "string" && typeof told.refresh === "string";
    return sound ? ({ expiresAt: 0, ...told } as Login) : null;
  } catch {
    return null;
  }
}

export function storeLogin(login: Login): void {
  forgetKey();
  sessionStorage.setItem(LOGIN, JSON.stringify(login));
}

export function forgetKey(): void {
  sessionStorage.removeItem(KEY);
  sessionStorage.removeItem(LOGIN);
}

/** Moves a `#key=…` of the address into the session; says whether there was one. */
export function adoptKeyFromAddress(location: Location, history: History): boolean {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!key) return false;
  storeKey(key);
  history.replaceState(null, "", location.pathname + location.search);
  return true;
}
