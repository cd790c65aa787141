/** Dark unless chosen otherwise; the choice stays in this browser. */
import { useSyncExternalStore } from "react";

export type Theme = "dark" | "light";

const SLOT = "chimera.theme";
const watchers = new Set<() => void>();

export function storedTheme(): Theme {
  return localStorage.getItem(SLOT) === "light" ? "light" : "dark";
}

export function applyTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  for (const watcher of watchers) watcher();
}

export function chooseTheme(theme: Theme): void {
  localStorage.setItem(SLOT, theme);
  applyTheme(theme);
}

export function useTheme(): Theme {
  return useSyncExternalStore(watch, storedTheme);
}

function watch(changed: () => void): () => void {
  watchers.add(changed);
  return () => watchers.delete(changed);
}
