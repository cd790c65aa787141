import { useSyncExternalStore } from "react";

const narrow = "(max-width: 639px)";

/** Whether the screen is a phone's: tables become cards there. */
export function useNarrow(): boolean {
  return useSyncExternalStore(watch, read, () => false);
}

function watch(changed: () => void): () => void {
  const query = window.matchMedia(narrow);
  query.addEventListener("change", changed);
  return () => query.removeEventListener("change", changed);
}

function read(): boolean {
  return window.matchMedia(narrow).matches;
}
