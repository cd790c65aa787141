/** What the table of pools shows of one. */
import { Link } from "@tanstack/react-router";
import { createContext, useContext } from "react";
import type { Pool } from "../../api/house";
import { useMay } from "../../app";
import { formatPrice } from "../../format/money";
import { venueName } from "../../format/venues";
import { explain } from "../../format/words";
import { Address, Dash, SlotAge, Units, Usd } from "../../ui/figures";
import { Badge, Button } from "../../ui/parts";
import type { Column } from "../../ui/table";

export const POOL_COLUMNS: Column<Pool>[] = [
  {
    id: "pair",
    header: "Pool",
    meta: { card: "head" },
    accessorFn: (pool) => `${pool.symbol_a}/${pool.symbol_b}`,
    cell: ({ row: { original } }) => (
      <span className="text-sm font-semibold whitespace-nowrap">
        <Token mint={original.mint_a} symbol={original.symbol_a} />
        <span className="text-faint"> / </span>
        <Token mint={original.mint_b} symbol={original.symbol_b} />
      </span>
    ),
  },
  {
    id: "venue",
    header: "Venue",
    meta: { card: "foot" },
    accessorFn: (pool) => pool.venue,
    cell: ({ row: { original } }) => (
      <span className="whitespace-nowrap text-dim">{venueName(original.venue)}</span>
    ),
  },
  {
    id: "state",
    header: "State",
    meta: { card: "head", className: "max-w-64" },
    accessorFn: (pool) => pool.doubt ?? (pool.complete ? "" : "incomplete"),
    cell: ({ row: { original } }) => <State pool={original} />,
  },
  {
    id: "price",
    header: "Price",
    meta: { align: "right", card: "wide", className: "w-full" },
    enableSorting: false,
    cell: ({ row: { original } }) => <Price pool={original} />,
  },
  {
    id: "liquidity",
    header: "Liquidity",
    meta: { align: "right" },
    accessorFn: (pool) => BigInt(pool.liquidity_usd_micro ?? "-1"),
    sortFn: (a, b) => compare(worth(a.original), worth(b.original)),
    cell: ({ row: { original } }) =>
      original.liquidity_usd_micro === null ? <Dash /> : <Usd micro={original.liquidity_usd_micro} />,
  },
  {
    id: "reserve_a",
    header: "Holds",
    meta: { align: "right", card: "none", className: "hidden xl:table-cell" },
    enableSorting: false,
    cell: ({ row: { original } }) => (
      <Reserve amount={original.reserve_a} decimals={original.decimals_a} symbol={original.symbol_a} />
    ),
  },
  {
    id: "reserve_b",
    header: "and",
    meta: { align: "right", card: "none", className: "hidden xl:table-cell" },
    enableSorting: false,
    cell: ({ row: { original } }) => (
      <Reserve amount={original.reserve_b} decimals={original.decimals_b} symbol={original.symbol_b} />
    ),
  },
  {
    id: "age",
    header: "Last write",
    meta: { align: "right" },
    accessorFn: (pool) => pool.age_slots,
    cell: ({ row: { original } }) => (
      // An idle pool grows old without being stale, so its age never warns.
      <SlotAge slots={original.age_slots} staleAfter={Number.POSITIVE_INFINITY} />
    ),
  },
  {
    id: "address",
    header: "Address",
    meta: { align: "right", card: "foot" },
    enableSorting: false,
    cell: ({ row: { original } }) => <Address value={original.address} label="pool" />,
  },
];

function Token({ mint, symbol }: { mint: string; symbol: string }) {
  return (
    <Link
      to="/markets"
      search={(old) => ({ ...old, token: mint })}
      title={mint}
      className="rounded-sm hover:text-accent"
    >
      {symbol || `${mint.slice(0, 4)}…`}
    </Link>
  );
}

function State({ pool }: { pool: Pool }) {
  if (pool.doubt)
    return (
      <span className="flex items-center gap-2">
        <span title={pool.doubt} className="block max-w-56 truncate text-warn">
          {explain(pool.doubt)}
        </span>
        <ReleaseButton pool={pool} />
      </span>
    );
  return pool.complete ? <Badge tone="good">In use</Badge> : <Badge tone="warn">Not read whole yet</Badge>;
}

/** Opens the question for a pool: columns live at module scope, so the screen hands it down. */
export const ReleaseContext = createContext<(pool: Pool) => void>(() => {});

function ReleaseButton({ pool }: { pool: Pool }) {
  const release = useContext(ReleaseContext);
  if (!useMay("operator")) return null;
  return (
    <Button
      size="small"
      aria-label={`Release pool ${pool.symbol_a} / ${pool.symbol_b} ${pool.address}`}
      onClick={() => release(pool)}
    >
      Release
    </Button>
  );
}

/** `1 SOL = 747.51 BONK`: what one whole token of the first fetches, fees and impact taken off. */
function Price({ pool }: { pool: Pool }) {
  if (pool.price === null) return <Dash />;
  return (
    <span className="num whitespace-nowrap" title={`${pool.price} base units of ${pool.symbol_b}`}>
      <span className="text-faint">1 {pool.symbol_a} = </span>
      {formatPrice(pool.price, pool.decimals_b)} <span className="text-faint">{pool.symbol_b}</span>
    </span>
  );
}

function Reserve(props: { amount: string | null; decimals: number | null; symbol: string }) {
  return props.amount === null ? <Dash /> : <Units {...props} amount={props.amount} />;
}

function worth(pool: Pool): bigint {
  return BigInt(pool.liquidity_usd_micro ?? "-1");
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
