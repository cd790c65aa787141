/** Which decisions a search shows, and how what was read and what was heard live become one list. */
import type { Decision } from "../../api/client";
import type { DecisionSearch } from "../../router";

/** Whether `decision` is one of those searched for. A token is its symbol, or the beginning of its address. */
export function fits(decision: Decision, search: DecisionSearch): boolean {
  if (search.outcome && decision.outcome !== search.outcome) return false;
  if (search.quiet && decision.outcome === "info") return false;
  if (search.strategy && decision.strategy !== search.strategy) return false;
  const wanted = search.token?.trim();
  if (!wanted) return true;
  const symbol = decision.token_symbol ?? "";
  return (
    symbol.toLowerCase().startsWith(wanted.toLowerCase()) || (decision.token_address ?? "").startsWith(wanted)
  );
}

/** `heard` (newest first) on top of `read` (newest first), each once. */
export function merge(heard: readonly Decision[], read: readonly Decision[]): Decision[] {
  const newest = read[0]?.seq ?? 0;
  return [...heard.filter((decision) => decision.seq > newest), ...read];
}

/** Whether something may lie between the oldest that was heard and the newest that was read. */
export function torn(heard: readonly Decision[], read: readonly Decision[]): boolean {
  const oldest = heard.at(-1)?.seq;
  return oldest !== undefined && oldest > (read[0]?.seq ?? 0);
}
