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
import { type Leg, pairOf } from "./pair";

export const POOL_COLUMNS: Column<Pool>[] = [
  {
    id: "pair",
    header: "Pool",
    meta: { card: "head" },
    accessorFn: (pool) => `${pairOf(pool).base.symbol}/${pairOf(pool).quote.symbol}`,
    cell: ({ row: { original } }) => {
      const { base, quote } = pairOf(original);
      return (
        <span className="text-sm font-semibold whitespace-nowrap">
          <Token leg={base} />
          <span className="font-normal text-faint"> / </span>
          <span className="font-normal text-dim">
            <Token leg={quote} />
          </span>
        </span>
      );
    },
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
    meta: { card: "head", className: "w-full max-w-64" },
    accessorFn: (pool) => pool.doubt ?? (pool.complete ? "" : "incomplete"),
    cell: ({ row: { original } }) => <State pool={original} />,
  },
  {
    id: "price",
    header: "Price",
    meta: { align: "right", card: "wide" },
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
    cell: ({ row: { original } }) => <Reserve leg={pairOf(original).base} />,
  },
  {
    id: "reserve_b",
    header: "and",
    meta: { align: "right", card: "none", className: "hidden xl:table-cell" },
    enableSorting: false,
    cell: ({ row: { original } }) => <Reserve leg={pairOf(original).quote} />,
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

function Token({ leg: { mint, symbol, own } }: { leg: Leg }) {
  return (
    <Link
      to="/markets"
      search={(old) => ({ ...old, token: mint })}
      title={symbol || !own ? mint : `${mint}, which its maker calls ${own}`}
      className="rounded-sm hover:text-accent"
    >
      {symbol || (own ? <Own word={own} /> : `${mint.slice(0, 4)}…`)}
    </Link>
  );
}

/** A name that nobody checked is told as what somebody says. */
function Own({ word }: { word: string }) {
  return <span className="font-normal text-dim italic">“{word}”</span>;
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
      aria-label={`Release pool ${pairOf(pool).base.symbol} / ${pairOf(pool).quote.symbol} ${pool.address}`}
      onClick={() => release(pool)}
    >
      Release
    </Button>
  );
}

/** `1 BONK = 0.0000001342 SOL`. */
function Price({ pool }: { pool: Pool }) {
  const { base, quote, price, priceDecimals, bought } = pairOf(pool);
  if (price === null) return <Dash />;
  const told = `what ${bought ? `buying one ${base.symbol} costs` : `one ${base.symbol} fetches`}, the pool's fee in`;
  return (
    <span className="num whitespace-nowrap" title={told}>
      {formatPrice(price, priceDecimals)} <span className="text-faint">{quote.symbol}</span>
    </span>
  );
}

function Reserve({ leg }: { leg: Leg }) {
  return leg.reserve === null ? (
    <Dash />
  ) : (
    <Units amount={leg.reserve} decimals={leg.decimals} symbol={leg.symbol || leg.own} />
  );
}

function worth(pool: Pool): bigint {
  return BigInt(pool.liquidity_usd_micro ?? "-1");
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
