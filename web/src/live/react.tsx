/** The live link as React sees it: one provider, and hooks that render again only when their part changed. */
import { useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useEffectEvent,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { type LinkState, LiveLink, type LiveView } from "./link";
import type { LiveData, StreamMessage } from "./store";

const LinkContext = createContext<LiveLink | null>(null);

export function LiveProvider({ apiKey, children }: { apiKey: () => string; children: ReactNode }) {
  const [link] = useState(() => new LiveLink(streamAddress(window.location), apiKey, browser));
  useEffect(() => {
    link.start();
    const wake = () => document.visibilityState === "visible" && link.retryNow();
    window.addEventListener("online", link.retryNow);
    document.addEventListener("visibilitychange", wake);
    return () => {
      link.stop();
      window.removeEventListener("online", link.retryNow);
      document.removeEventListener("visibilitychange", wake);
    };
  }, [link]);
  return (
    <LinkContext value={link}>
      <LedgerRefresh />
      {children}
    </LinkContext>
  );
}

/** A trade that changed makes the pulled tables and details ask again, at most twice a second. */
function LedgerRefresh() {
  const queries = useQueryClient();
  const pending = useRef<ReturnType<typeof setTimeout> | null>(null);
  useLiveMessages((message) => {
    if (message.type !== "trade_update" && message.type !== "position_closed") return;
    pending.current ??= setTimeout(() => {
      pending.current = null;
      for (const queryKey of [["trades"], ["trade"], ["why"]]) void queries.invalidateQueries({ queryKey });
    }, 500);
  });
  useEffect(() => () => void (pending.current && clearTimeout(pending.current)), []);
  return null;
}

function useLink(): LiveLink {
  const link = useContext(LinkContext);
  if (!link) throw new Error("used outside LiveProvider");
  return link;
}

/** A part of the live data; `pick` must return a value that is stored, not one made anew. */
export function useLive<T>(pick: (data: LiveData) => T): T {
  const link = useLink();
  const read = () => pick(link.current().data);
  return useSyncExternalStore(link.watch, read, read);
}

/** How the connection is, and how to try again at once. */
export function useLinkState(): { link: LinkState; retryNow: () => void } {
  const link = useLink();
  const read = (): LiveView["link"] => link.current().link;
  return { link: useSyncExternalStore(link.watch, read, read), retryNow: link.retryNow };
}

/** Whether the figures are of now; a reconnect that is made at once, to fill a gap, does not count as a loss. */
export function useCurrent(): boolean {
  const { link } = useLinkState();
  return link.status === "open" || (link.status === "connecting" && link.attempt === 0);
}

/** Calls `handle` with each message, for what is an event rather than a state. */
export function useLiveMessages(handle: (message: StreamMessage) => void): void {
  const link = useLink();
  const latest = useEffectEvent(handle);
  useEffect(() => link.listen((message) => latest(message)), [link]);
}

/** The present moment, renewed every `everyMs`; all users of one interval share a timer. */
export function useNow(everyMs = 1_000): number {
  const ticker = tickerOf(everyMs);
  return useSyncExternalStore(ticker.watch, ticker.read, ticker.read);
}

interface Ticker {
  watch: (watcher: () => void) => () => void;
  read: () => number;
}

const tickers = new Map<number, Ticker>();

function tickerOf(everyMs: number): Ticker {
  const known = tickers.get(everyMs);
  if (known) return known;
  const watchers = new Set<() => void>();
  let now = Date.now();
  let timer: ReturnType<typeof setInterval> | undefined;
  const tick = () => {
    now = Date.now();
    for (const watcher of watchers) watcher();
  };
  const made: Ticker = {
    read: () => now,
    watch: (watcher) => {
      if (watchers.size === 0) {
        now = Date.now();
        timer = setInterval(tick, everyMs);
      }
      watchers.add(watcher);
      return () => {
        watchers.delete(watcher);
        if (watchers.size === 0) clearInterval(timer);
      };
    },
  };
  tickers.set(everyMs, made);
  return made;
}

function streamAddress(location: Location): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/ws`;
}

const browser = {
  open: (url: string) => new WebSocket(url),
  now: () => Date.now(),
  dice: () => Math.random(),
  after: (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
