/** What the ledger shows of a trade. */
import { Link } from "@tanstack/react-router";
import type { Trade } from "../../api/client";
import { explain } from "../../format/words";
import { SideText, StatusBadge, StrategyBadge } from "../../ui/badges";
import { Address, Dash, Moment, Money } from "../../ui/figures";
import type { Column, ColumnLook } from "../../ui/table";

export const TRADE_COLUMNS: Column<Trade>[] = [
  {
    id: "token",
    header: "Token",
    meta: { card: "head" },
    cell: ({ row: { original } }) => (
      <Link
        to="."
        search={(old) => ({ ...old, trade: original.trade_uuid })}
        className="inline-flex items-baseline gap-2 rounded-sm text-sm font-semibold hover:text-accent"
      >
        {original.token_symbol} <SideText side={original.side} />
      </Link>
    ),
  },
  {
    id: "strategy",
    header: "Strategy",
    meta: { card: "head" },
    cell: ({ row: { original } }) => <StrategyBadge strategy={original.strategy} />,
  },
  {
    id: "status",
    header: "Status",
    meta: { card: "head" },
    cell: ({ row: { original } }) => (
      <span className="inline-flex items-center gap-1.5">
        <StatusBadge status={original.status} />
        {original.retry_count > 0 && (
          <span className="num text-2xs text-faint" title="Retries">
            ×{original.retry_count}
          </span>
        )}
      </span>
    ),
  },
  amount("asked", "Asked", (trade) => trade.amount_lamports, "none"),
  amount("spent", "Spent", (trade) => trade.spent_lamports),
  amount("received", "Received", (trade) => trade.received_lamports),
  {
    id: "costs",
    header: "Fees + tips",
    meta: { align: "right", card: "none", className: "hidden lg:table-cell" },
    cell: ({ row: { original } }) => (
      <Money lamports={sum(original.fees_lamports, original.tips_lamports)} digits={6} className="text-dim" />
    ),
  },
  {
    id: "pnl",
    header: "Profit",
    meta: { align: "right" },
    cell: ({ row: { original } }) => (
      <Money lamports={original.realised_pnl_lamports} signed digits={5} className="font-medium" />
    ),
  },
  {
    id: "ended",
    header: "Outcome",
    meta: { card: "foot", className: "hidden xl:table-cell max-w-64" },
    cell: ({ row: { original } }) => <Ended trade={original} />,
  },
  {
    id: "wallet",
    header: "Copied wallet",
    meta: { card: "none", className: "hidden wide:table-cell" },
    cell: ({ row: { original } }) => <Address value={original.wallet_address} label="wallet" />,
  },
  {
    id: "begun",
    header: "Begun",
    meta: { align: "right", card: "foot" },
    cell: ({ row: { original } }) => <Moment at={original.created_at} date className="text-dim" />,
  },
];

function amount(
  id: string,
  header: string,
  of: (trade: Trade) => string,
  card?: ColumnLook["card"],
): Column<Trade> {
  return {
    id,
    header,
    meta: { align: "right", ...(card && { card }) },
    cell: ({ row: { original } }) => (of(original) === "0" ? <Dash /> : <Money lamports={of(original)} />),
  };
}

function Ended({ trade }: { trade: Trade }) {
  if (trade.error_message) {
    return (
      <span className="block truncate text-loss" title={trade.error_message}>
        {explain(trade.error_message)}
      </span>
    );
  }
  return trade.exit_reason ? (
    <span className="block truncate text-dim" title={trade.exit_reason}>
      {explain(trade.exit_reason)}
    </span>
  ) : (
    <span className="max-sm:hidden">
      <Dash />
    </span>
  );
}

function sum(a: string, b: string): string {
  return String(BigInt(a) + BigInt(b));
}
