/** What a table shows of a position; the Command Center and the Positions screen share it. */
import { Link } from "@tanstack/react-router";
import type { Position } from "../../api/client";
import { exactSol, parseInteger } from "../../format/money";
import { explain } from "../../format/words";
import { StrategyBadge } from "../../ui/badges";
import { Address, Age, Bps, Dash, Moment, Money, SlotAge, Units } from "../../ui/figures";
import { Badge, Button } from "../../ui/parts";
import type { Column } from "../../ui/table";
import { distance, formatDistance, heldCost } from "./reckoning";

export const POSITION_COLUMNS: Column<Position>[] = [
  {
    id: "token",
    accessorFn: (position) => position.token_symbol,
    sortFn: inOrder,
    header: "Token",
    meta: { card: "head" },
    cell: ({ row: { original } }) => (
      <Link
        to="."
        search={(old) => ({ ...old, trade: original.trade_uuid })}
        className="rounded-sm text-sm font-semibold whitespace-nowrap hover:text-accent"
      >
        {original.token_symbol}
      </Link>
    ),
  },
  {
    id: "strategy",
    accessorFn: (position) => position.strategy,
    sortFn: inOrder,
    header: "Strategy",
    meta: { card: "head" },
    cell: ({ row: { original } }) => (
      <span className="flex gap-1">
        <StrategyBadge strategy={original.strategy} />
        {original.state === "EXITING" && <Badge tone="warn">Exiting</Badge>}
      </span>
    ),
  },
  {
    id: "amount",
    header: "Amount",
    meta: { align: "right", card: "none", className: "hidden lg:table-cell" },
    enableSorting: false,
    cell: ({ row: { original } }) => <Units amount={original.token_amount} decimals={original.decimals} />,
  },
  money("cost", "Cost", heldCost),
  money("value", "Value", (position) => position.value_lamports),
  {
    id: "pnl",
    accessorFn: (position) => parseInteger(position.unrealised_pnl_lamports),
    sortFn: inOrder,
    header: "Gain",
    meta: { align: "right" },
    cell: ({ row: { original } }) => <Money lamports={original.unrealised_pnl_lamports} signed digits={5} />,
  },
  {
    id: "bps",
    accessorFn: (position) => position.unrealised_pnl_bps,
    sortFn: inOrder,
    header: "%",
    meta: { align: "right", card: "head" },
    cell: ({ row: { original } }) => <Bps bps={original.unrealised_pnl_bps} className="font-medium" />,
  },
  {
    id: "realised",
    accessorFn: (position) => parseInteger(position.realised_pnl_lamports),
    sortFn: inOrder,
    header: "Realised",
    meta: { align: "right", card: "none", className: "hidden lg:table-cell" },
    cell: ({ row: { original } }) =>
      original.realised_pnl_lamports === "0" ? (
        <Dash />
      ) : (
        <Money lamports={original.realised_pnl_lamports} signed digits={5} />
      ),
  },
  {
    id: "price_age",
    accessorFn: (position) => position.price_age_slots,
    sortFn: inOrder,
    header: "Price age",
    meta: { align: "right" },
    cell: ({ row: { original } }) => <SlotAge slots={original.price_age_slots} />,
  },
  {
    id: "limits",
    header: "To stop / target",
    enableSorting: false,
    meta: { align: "right", className: "hidden xl:table-cell" },
    cell: ({ row: { original } }) => (
      <span className="num whitespace-nowrap text-dim">
        <Distance position={original} which="stop" />
        <span className="text-faint"> / </span>
        <Distance position={original} which="target" />
      </span>
    ),
  },
  {
    id: "wallet",
    header: "Copied wallet",
    enableSorting: false,
    meta: { card: "none", className: "hidden xl:table-cell" },
    cell: ({ row: { original } }) => <Address value={original.wallet_address} label="wallet" />,
  },
  {
    id: "age",
    accessorFn: (position) => position.opened_at,
    sortFn: inOrder,
    header: "Held",
    meta: { align: "right", card: "none" },
    cell: ({ row: { original } }) => <Age at={original.opened_at} className="text-dim" />,
  },
];

/** The Command Center's, where the list of decisions takes a third of the width. */
export const LIVE_COLUMNS: Column<Position>[] = POSITION_COLUMNS.filter(
  (column) => !["amount", "wallet"].includes(column.id ?? ""),
);

/** How far off a level is: what a trader looks for before its amount, which is in the tooltip. */
function Distance({ position, which }: { position: Position; which: "stop" | "target" }) {
  const bps = distance(position, which);
  const at = position[`${which}_lamports`];
  if (bps === null) return <span className="text-faint">—</span>;
  return <span title={`${which} at ${exactSol(at)}`}>{formatDistance(bps)}</span>;
}

function money(id: string, header: string, of: (position: Position) => string | null): Column<Position> {
  return {
    id,
    accessorFn: (position) => parseInteger(of(position)),
    sortFn: inOrder,
    header,
    meta: { align: "right" },
    cell: ({ row: { original } }) => <Money lamports={of(original)} />,
  };
}

interface Sortable {
  getValue: (columnId: string) => unknown;
}

/** Amounts, numbers and names in order; what is not known comes below all. */
function inOrder(a: Sortable, b: Sortable, columnId: string): number {
  const left = a.getValue(columnId) as bigint | number | string | null;
  const right = b.getValue(columnId) as bigint | number | string | null;
  if (left === right) return 0;
  if (left === null) return -1;
  if (right === null) return 1;
  return left < right ? -1 : 1;
}

export function exitColumn(leave: (position: Position) => void): Column<Position> {
  return {
    id: "exit",
    header: () => <span className="sr-only">Exit</span>,
    enableSorting: false,
    meta: { align: "right" },
    cell: ({ row: { original } }) => (
      <Button
        size="small"
        disabled={original.state !== "ACTIVE"}
        aria-label={`${original.state === "ACTIVE" ? "Sell" : "Selling…"} ${original.token_symbol}`}
        onClick={() => leave(original)}
        className="max-sm:h-8 max-sm:w-full"
      >
        {original.state === "ACTIVE" ? "Sell" : "Selling…"}
      </Button>
    ),
  };
}

const byId = (id: string) => POSITION_COLUMNS.filter((column) => column.id === id);

export const CLOSED_COLUMNS: Column<Position>[] = [
  ...byId("token"),
  ...byId("strategy"),
  money("cost", "Cost", (position) => position.entry_lamports),
  {
    id: "profit",
    header: "Profit",
    meta: { align: "right", card: "head" },
    cell: ({ row: { original } }) => (
      <Money lamports={original.realised_pnl_lamports} signed digits={5} className="font-medium" />
    ),
  },
  {
    id: "why",
    header: "Sold because",
    meta: { card: "wide", className: "w-full max-w-0" },
    cell: ({ row: { original } }) =>
      original.exit_reason ? (
        <span className="block truncate text-dim max-sm:whitespace-normal" title={original.exit_reason}>
          {explain(original.exit_reason)}
        </span>
      ) : null,
  },
  ...byId("wallet"),
  {
    id: "opened",
    header: "Opened",
    meta: { align: "right", card: "foot" },
    cell: ({ row: { original } }) => <Moment at={original.opened_at} date className="text-faint" />,
  },
  {
    id: "closed",
    header: "Closed",
    meta: { align: "right", card: "foot" },
    cell: ({ row: { original } }) =>
      original.closed_at === null ? null : <Moment at={original.closed_at} date className="text-dim" />,
  },
];
