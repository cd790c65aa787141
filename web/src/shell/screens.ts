/** The screens, in their order: the rail, the bar of a phone and the palette show these and no others. */
import type { IconName } from "../ui/icons";

export type Address =
  | "/"
  | "/positions"
  | "/trades"
  | "/decisions"
  | "/wallets"
  | "/markets"
  | "/strategies"
  | "/risk"
  | "/incidents"
  | "/configuration"
  | "/operations";

export interface Screen {
  to: Address;
  name: string;
  /** Under its icon. */
  short: string;
  icon: IconName;
}

export const SCREENS: Screen[] = [
  { to: "/", name: "Command Center", short: "Command", icon: "command" },
  { to: "/positions", name: "Positions", short: "Positions", icon: "positions" },
  { to: "/trades", name: "Trades", short: "Trades", icon: "trades" },
  { to: "/decisions", name: "Decisions", short: "Decisions", icon: "decisions" },
  { to: "/wallets", name: "Wallets", short: "Wallets", icon: "wallets" },
  { to: "/markets", name: "Markets", short: "Markets", icon: "markets" },
  { to: "/strategies", name: "Strategies", short: "Strategies", icon: "strategies" },
  { to: "/risk", name: "Risk", short: "Risk", icon: "risk" },
  { to: "/incidents", name: "Incidents", short: "Incidents", icon: "incidents" },
  { to: "/configuration", name: "Configuration", short: "Config", icon: "configuration" },
  { to: "/operations", name: "Operations", short: "Operations", icon: "operations" },
];

/** On a phone these stand in the bar; the others are behind More. */
export const IN_BAR = 3;
