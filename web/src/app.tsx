/** Who is here decides what is drawn: the login, or the house with its queries, live link and screens. */
import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { createContext, useContext, useEffect, useMemo, useState } from "react";
import { type Api, ApiError, createApi, type Role } from "./api/client";
import { LiveProvider, useLinkState } from "./live/react";
import { router } from "./router";
import { Login } from "./screens/login";
import { adoptKeyFromAddress, forgetKey, storedKey, storeKey } from "./session";
import { ErrorState, Loading } from "./ui/parts";
import { Toasts } from "./ui/toast";

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
  const [key, setKey] = useState(storedKey);
  const [note, setNote] = useState<string | null>(null);
  useEffect(() => {
    const adopt = () => adoptKeyFromAddress(window.location, window.history) && setKey(storedKey());
    window.addEventListener("hashchange", adopt);
    return () => window.removeEventListener("hashchange", adopt);
  }, []);
  if (key === null) {
    const signIn = (given: string) => {
      storeKey(given);
      setNote(null);
      setKey(given);
    };
    return <Login note={note} onKey={signIn} />;
  }
  const signOut = (why?: string) => {
    forgetKey();
    setNote(why ?? null);
    setKey(null);
  };
  return <SignedIn key={key} apiKey={key} signOut={signOut} />;
}

function SignedIn({ apiKey, signOut }: { apiKey: string; signOut: Session["signOut"] }) {
  const api = useMemo(() => createApi(apiKey), [apiKey]);
  const [queries] = useState(newQueryClient);
  return (
    <QueryClientProvider client={queries}>
      <Known api={api} apiKey={apiKey} signOut={signOut} />
    </QueryClientProvider>
  );
}

function Known({ api, apiKey, signOut }: { api: Api; apiKey: string; signOut: Session["signOut"] }) {
  const who = useQuery({ queryKey: ["whoami"], queryFn: api.whoami, staleTime: Number.POSITIVE_INFINITY });
  const unknown = who.error instanceof ApiError && who.error.status === 401;
  useEffect(() => {
    if (unknown) signOut("This key is not known to the desk.");
  }, [unknown, signOut]);
  if (who.data) {
    return (
      <SessionContext value={{ api, signOut, ...who.data }}>
        <Toasts>
          <LiveProvider apiKey={apiKey}>
            <DeniedWatch api={api} signOut={signOut} />
            <RouterProvider router={router} />
          </LiveProvider>
        </Toasts>
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
