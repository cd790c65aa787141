/** Venues by the names that people know them by; one that is not listed is shown as it came. */
export const VENUES: Record<string, string> = {
  raydium_amm_v4: "Raydium AMM v4",
  raydium_cpmm: "Raydium CPMM",
  orca_whirlpool: "Orca Whirlpool",
  meteora_dlmm: "Meteora DLMM",
  pumpfun: "pump.fun",
  pumpswap: "PumpSwap",
};

export function venueName(venue: string): string {
  return VENUES[venue] ?? venue;
}
