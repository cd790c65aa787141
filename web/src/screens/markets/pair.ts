/**
 * A pool as people read it: the token first, what it is paid with second. The chain's order is by address and says
 * nothing. Names are the desk's own settings', so a token that calls itself USDC is not taken for money here.
 */
import type { Pool } from "../../api/house";

/** Money, most like a currency first. */
const MONEY = ["USDC", "USDT", "SOL"];
const MORE_DIGITS = 6; // below a base unit: one BONK is not a whole number of lamports

export interface Leg {
  mint: string;
  symbol: string;
  /** What its maker calls it, where the settings have no name for it. */
  own: string;
  decimals: number | null;
  reserve: string | null;
}

export interface Pair {
  base: Leg;
  quote: Leg;
  /** One whole `base` in units of `quote` of 10^-`priceDecimals`; null where it is not known. */
  price: string | null;
  priceDecimals: number | null;
  /** Whether it is what buying costs (else: what selling fetches). */
  bought: boolean;
}

export function pairOf(pool: Pool): Pair {
  const a = {
    mint: pool.mint_a,
    symbol: pool.symbol_a,
    own: pool.own_symbol_a,
    decimals: pool.decimals_a,
    reserve: pool.reserve_a,
  };
  const b = {
    mint: pool.mint_b,
    symbol: pool.symbol_b,
    own: pool.own_symbol_b,
    decimals: pool.decimals_b,
    reserve: pool.reserve_b,
  };
  if (rank(a.symbol) <= rank(b.symbol))
    return { base: a, quote: b, price: pool.price, priceDecimals: b.decimals, bought: false };
  const price = inverse(pool.price, a.decimals, b.decimals);
  const priceDecimals = a.decimals === null ? null : a.decimals + MORE_DIGITS;
  return { base: b, quote: a, price, priceDecimals, bought: true };
}

/** What one whole `b` costs where one whole `a` fetches `price`; rounded up, as whoever pays has to. */
function inverse(price: string | null, a: number | null, b: number | null): string | null {
  if (price === null || a === null || b === null || BigInt(price) <= 0n) return null;
  const fetched = BigInt(price);
  return String((10n ** BigInt(a + b + MORE_DIGITS) + fetched - 1n) / fetched);
}

function rank(symbol: string): number {
  const place = MONEY.indexOf(symbol);
  return place === -1 ? 0 : MONEY.length - place;
}
