/** What a position's figures say together. Integers only; an amount that is not known stays unknown. */
import type { Position } from "../../api/client";
import { parseInteger } from "../../format/money";
import { gainOf } from "../../format/percent";

/** What the tokens still held have cost, all in, so that worth minus cost is the gain shown beside them. */
export function heldCost(position: Position): string {
  const [value, gain] = [
    parseInteger(position.value_lamports),
    parseInteger(position.unrealised_pnl_lamports),
  ];
  return value === null || gain === null ? position.entry_lamports : String(value - gain);
}

/** How far the worth has to move to reach a level, in bps of what it is now; null where either is not known. */
export function distance(position: Position, which: "stop" | "target"): number | null {
  return gainOf(position[`${which}_lamports`], position.value_lamports);
}

/** Two digits that say something: `-25%`, `+3.8%`. Rounded towards the level, so that it never looks further than it is. */
export function formatDistance(bps: number): string {
  const size = Math.abs(bps);
  const sign = bps < 0 ? "−" : bps > 0 ? "+" : "";
  const tenths = Math.floor(size / 10);
  return size >= 1_000
    ? `${sign}${Math.floor(size / 100)}%`
    : `${sign}${Math.floor(tenths / 10)}.${tenths % 10}%`;
}
