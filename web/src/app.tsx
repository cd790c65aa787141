/** Who is here decides what is drawn: the login, or the house with its queries, live link and screens. */
import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { createContext, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { type Api, ApiError, createApi, type Role } from "./api/client";
import { LiveProvider, useLinkState } from "./live/react";
import { router } from "./router";
import { Login } from "./screens/login";
import {
  adoptKeyFromAddress,
  type Login as Credentials,
  forgetKey,
  storedKey,
  storedLogin,
  storeKey,
  storeLogin,
} from "./session";
import { ErrorState, Loading } from "./ui/parts";
import { refreshed } from "./wallet/login";

export interface Session {
  api: Api;
  identifier: string;
  role: Role;
  signOut: (note?: string) => void;
}

export const SessionContext = createContext<Session | null>(null);

/** Who is signed in, and the calls made in their name. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("used before signing in");
  return session;
}

const RANK: Record<Role, number> = { readonly: 0, operator: 1, admin: 2 };

/** Whether the signed-in role reaches `needed`. The server decides; this only hides what would be refused. */
export function useMay(needed: Role): boolean {
  return RANK[useSession().role] >= RANK[needed];
}

export function App() {
  /** Changes when somebody else signs in, and not when a login gets its next token. */
  const [who, setWho] = useState(signedIn);
  const [note, setNote] = useState<string | null>(null);
  useEffect(() => {
    const adopt = () => adoptKeyFromAddress(window.location, window.history) && setWho(signedIn());
    window.addEventListener("hashchange", adopt);
    return () => window.removeEventListener("hashchange", adopt);
  }, []);
  const signOut = useCallback((why?: string) => {
    // A login is ended at the desk too; without an answer it ends by itself within minutes.
    if (storedLogin() && why === undefined)
      createApi(currentKey())
        .logout()
        .catch(() => {});
    forgetKey();
    setNote(why ?? null);
    setWho(null);
  }, []);
  if (who === null) {
    const enter = () => {
      setNote(null);
      setWho(signedIn());
    };
    const byKey = (key: string) => {
      storeKey(key);
      enter();
    };
    const byWallet = (login: Credentials) => {
      storeLogin(login);
      enter();
    };
    return <Login note={note} onKey={byKey} onLogin={byWallet} />;
  }
  return <SignedIn key={who} signOut={signOut} />;
}

function signedIn(): string | null {
  return storedLogin()?.refresh ?? storedKey();
}

function currentKey(): string {
  return storedKey() ?? "";
}

function SignedIn({ signOut }: { signOut: Session["signOut"] }) {
  const api = useMemo(() => createApi(currentKey), []);
  const [queries] = useState(newQueryClient);
  useFreshLogin(signOut);
  return (
    <QueryClientProvider client={queries}>
      <Known api={api} signOut={signOut} />
    </QueryClientProvider>
  );
}

function Known({ api, signOut }: { api: Api; signOut: Session["signOut"] }) {
  const who = useQuery({ queryKey: ["whoami"], queryFn: api.whoami, staleTime: Number.POSITIVE_INFINITY });
  const unknown = who.error instanceof ApiError && who.error.status === 401;
  useEffect(() => {
    if (unknown)
      signOut(storedLogin() ? "Your login is over. Sign in again." : "This key is not known to the desk.");
  }, [unknown, signOut]);
  if (who.data) {
    return (
      <SessionContext value={{ api, signOut, ...who.data }}>
        <LiveProvider apiKey={currentKey}>
          <DeniedWatch api={api} signOut={signOut} />
          <RouterProvider router={router} />
        </LiveProvider>
      </SessionContext>
    );
  }
  return (
    <div className="flex min-h-dvh flex-col">
      {who.error && !unknown ? (
        <ErrorState error={who.error} retry={() => void who.refetch()} />
      ) : (
        <Loading />
      )}
    </div>
  );
}

const REFRESH_AHEAD_MS = 60_000; // before a login's token ends
const REFRESH_AGAIN_MS = 5_000; // where the desk was not reached

/** Gets a login's next token before the present one ends; a login that is refused is over. */
function useFreshLogin(signOut: Session["signOut"]): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const plan = (ms: number) => {
      timer = setTimeout(renew, Math.max(ms, 0));
    };
    const renew = async () => {
      const login = storedLogin();
      if (!login) return;
      try {
        const next = await refreshed(login);
        storeLogin(next);
        plan(next.expiresAt - Date.now() - REFRESH_AHEAD_MS);
      } catch (error) {
        if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429)
          signOut("Your login is over. Sign in again.");
        else plan(REFRESH_AGAIN_MS);
      }
    };
    const login = storedLogin();
    if (login) plan(login.expiresAt - Date.now() - REFRESH_AHEAD_MS);
    return () => clearTimeout(timer);
  }, [signOut]);
}

const DENIED_REST_MS = 5_000; // a door that is only shut for too many knocks opens again

/** The stream was refused: the key is asked about once more, and only if it is truly unknown does the page close. */
function DeniedWatch({ api, signOut }: { api: Api; signOut: Session["signOut"] }) {
  const { link, retryNow } = useLinkState();
  const denied = link.status === "denied";
  useEffect(() => {
    if (!denied) return;
    const timer = setTimeout(retryNow, DENIED_REST_MS);
    api.whoami().catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 401) signOut("The desk no longer accepts this key.");
    });
    return () => clearTimeout(timer);
  }, [denied, api, retryNow, signOut]);
  return null;
}

function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        // Asking again helps when the desk was not reached or stumbled, never when it said no.
        retry: (failures, error) =>
          failures < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
        retryDelay: (attempt) => 400 * 2 ** attempt,
      },
    },
  });
}
