/** What the list of decisions shows of each. */
import { Link } from "@tanstack/react-router";
import type { Decision } from "../../api/client";
import { explain, readable } from "../../format/words";
import { OutcomeBadge, SideText, StrategyBadge } from "../../ui/badges";
import { Address, Dash, Moment } from "../../ui/figures";
import type { Column } from "../../ui/table";

export const DECISION_COLUMNS: Column<Decision>[] = [
  {
    id: "token",
    header: "Token",
    meta: { card: "head" },
    cell: ({ row: { original } }) => (
      <span className="inline-flex items-baseline gap-2 text-sm font-semibold whitespace-nowrap">
        {original.token_symbol || <Dash />}
        {original.side && <SideText side={original.side} />}
      </span>
    ),
  },
  {
    id: "strategy",
    header: "Strategy",
    meta: { card: "head" },
    cell: ({ row: { original } }) =>
      original.strategy ? (
        <StrategyBadge strategy={original.strategy} />
      ) : (
        <span className="max-sm:hidden">
          <Dash />
        </span>
      ),
  },
  {
    id: "outcome",
    header: "Outcome",
    meta: { card: "head" },
    cell: ({ row: { original } }) => <OutcomeBadge outcome={original.outcome} />,
  },
  {
    id: "text",
    header: "What was decided",
    meta: { card: "wide", className: "w-full min-w-72" },
    cell: ({ row: { original } }) => <Said decision={original} />,
  },
  {
    id: "reason",
    header: "Reason",
    meta: { card: "foot", className: "hidden lg:table-cell max-w-60" },
    cell: ({ row: { original } }) =>
      original.reason ? (
        <code className="num block truncate text-2xs text-dim" title={explain(original.reason)}>
          {original.reason}
        </code>
      ) : (
        <span className="max-sm:hidden">
          <Dash />
        </span>
      ),
  },
  {
    id: "wallet",
    header: "Copied wallet",
    meta: { card: "none", className: "hidden wide:table-cell" },
    cell: ({ row: { original } }) => <Address value={original.wallet_address} label="wallet" />,
  },
  {
    id: "at",
    header: "When",
    meta: { align: "right", card: "foot" },
    cell: ({ row: { original } }) => <Moment at={original.at} date className="text-dim" />,
  },
];

/** What could not even be read has no id, and nothing to open. */
function Said({ decision }: { decision: Decision }) {
  const text = (
    <span className="line-clamp-2 py-1 max-sm:line-clamp-4 max-sm:py-0" title={decision.text}>
      {readable(decision.text)}
    </span>
  );
  if (!decision.id) return text;
  return (
    <Link to="/why/$id" params={{ id: decision.id }} className="block rounded-sm hover:text-accent">
      {text}
    </Link>
  );
}
