/** How much of each limit is used. Integers only: percentages are rounded up, so that a full limit never looks open. */
import type { Position } from "../../api/client";
import type { Setting } from "../../api/steering";
import { parseInteger } from "../../format/money";
import { heldCost } from "../positions/reckoning";

export interface Use {
  id: string;
  label: string;
  used: bigint;
  /** null: no such limit is known here. */
  most: bigint | null;
  unit: "lamports" | "count";
}

export interface Lot {
  mint: string;
  symbol: string;
  lamports: bigint;
}

/** The limits that open positions use up, in the order in which people ask for them. */
export function usesOf(
  positions: readonly Position[],
  settings: readonly Setting[],
  equity: string | null,
  day: string | null,
): Use[] {
  const worth = parseInteger(equity);
  const share = (percent: bigint | null) =>
    worth === null || percent === null ? null : (worth * percent) / 100n;
  const costs = positions.map((position) => BigInt(heldCost(position)));
  const of = (strategy: string) => sum(costs.filter((_, index) => positions[index]?.strategy === strategy));
  const lost = parseInteger(day);
  return [
    {
      id: "shield",
      label: "Shield's share of the money",
      used: of("SHIELD"),
      most: share(limit(settings, "allocation.shield_percent")),
      unit: "lamports",
    },
    {
      id: "spear",
      label: "Spear's share of the money",
      used: of("SPEAR"),
      most: share(limit(settings, "allocation.spear_percent")),
      unit: "lamports",
    },
    {
      id: "open",
      label: "Open positions",
      used: BigInt(positions.length),
      most: limit(settings, "risk.open_positions_max"),
      unit: "count",
    },
    {
      id: "largest",
      label: "Largest position",
      used: costs.reduce((most, cost) => (cost > most ? cost : most), 0n),
      most: limit(settings, "risk.position_lamports_max"),
      unit: "lamports",
    },
    {
      id: "loss",
      label: "Lost within 24 h",
      used: lost !== null && lost < 0n ? -lost : 0n,
      most: limit(settings, "risk.daily_loss_lamports_max"),
      unit: "lamports",
    },
  ];
}

/** What is held by token, the largest first. */
export function lotsOf(positions: readonly Position[]): Lot[] {
  const found = new Map<string, Lot>();
  for (const position of positions) {
    const lot = found.get(position.token_address) ?? {
      mint: position.token_address,
      symbol: position.token_symbol,
      lamports: 0n,
    };
    lot.lamports += BigInt(position.value_lamports ?? heldCost(position));
    found.set(position.token_address, lot);
  }
  return [...found.values()].sort((a, b) => (a.lamports < b.lamports ? 1 : -1));
}

/** How full a limit is in percent, 0 to 100, rounded up; null where there is no limit. */
export function fullness({ used, most }: Use): number | null {
  if (most === null) return null;
  if (most <= 0n) return used > 0n ? 100 : 0;
  const percent = (used * 100n + most - 1n) / most;
  return Number(percent > 100n ? 100n : percent);
}

function limit(settings: readonly Setting[], key: string): bigint | null {
  const value = settings.find((setting) => setting.key === key)?.value;
  return value === undefined ? null : parseInteger(String(value));
}

function sum(values: bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n);
}
