/**
 * The frame around every screen: rail (a bar at the bottom on a phone), top bar, warnings that concern everything.
 * A screen gets its place here by one line in SCREENS; what does not exist has no line.
 */
import { Link, Outlet } from "@tanstack/react-router";
import { TradeSheet } from "../screens/trades/sheet";
import { Icon, type IconName, Mark } from "../ui/icons";
import { Empty } from "../ui/parts";
import { useClosedToasts, useTabTitle } from "./announce";
import { LinkBanner, StopBanner } from "./banners";
import { TopBar } from "./topbar";

type Address = "/" | "/trades" | "/decisions" | "/wallets" | "/incidents" | "/risk";

const SCREENS: { to: Address; name: string; short: string; icon: IconName }[] = [
  { to: "/", name: "Command Center", short: "Command", icon: "command" },
  { to: "/trades", name: "Trade ledger", short: "Trades", icon: "trades" },
  { to: "/decisions", name: "Decisions", short: "Decisions", icon: "decisions" },
  { to: "/wallets", name: "Wallets", short: "Wallets", icon: "wallets" },
  { to: "/incidents", name: "Incidents", short: "Incidents", icon: "incidents" },
  { to: "/risk", name: "Risk", short: "Risk", icon: "risk" },
];

export function Shell() {
  useTabTitle();
  useClosedToasts();
  return (
    <div className="grid min-h-dvh grid-rows-[auto_1fr] sm:grid-cols-[4.5rem_minmax(0,1fr)] wide:h-dvh">
      <button
        type="button" // not a link: the address behind # belongs to the router
        onClick={() => document.getElementById("main")?.focus()}
        className="sr-only z-50 rounded bg-accent px-3 py-2 text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to content
      </button>
      <nav
        aria-label="Screens"
        className="fixed inset-x-0 bottom-0 z-30 flex border-t border-line bg-panel pb-[env(safe-area-inset-bottom)] sm:sticky sm:top-0 sm:row-span-2 sm:h-dvh sm:flex-col sm:overflow-y-auto sm:border-t-0 sm:border-r sm:pb-0"
      >
        <div className="hidden h-12 shrink-0 items-center justify-center sm:flex">
          <Mark />
        </div>
        {SCREENS.map((screen) => (
          <Link
            key={screen.to}
            to={screen.to}
            aria-label={screen.name}
            activeOptions={{ exact: screen.to === "/", includeSearch: false }}
            className="flex min-h-14 flex-1 flex-col items-center justify-center gap-1 border-transparent text-2xs font-medium text-dim hover:text-text aria-[current=page]:text-accent sm:flex-none sm:border-l-2 sm:aria-[current=page]:border-accent sm:aria-[current=page]:bg-raised"
          >
            <Icon name={screen.icon} size={20} />
            {screen.short}
          </Link>
        ))}
      </nav>
      <div className="sticky top-0 z-20 min-w-0">
        <TopBar />
        <LinkBanner />
        <StopBanner />
      </div>
      <main
        id="main"
        tabIndex={-1}
        className="min-h-0 min-w-0 p-2 pb-20 outline-none sm:p-3 sm:pb-3 wide:overflow-y-auto"
      >
        <Outlet />
      </main>
      <TradeSheet />
    </div>
  );
}

export function NotFound() {
  return (
    <Empty title="There is no such screen">
      <Link to="/" className="text-accent underline">
        Go to the Command Center
      </Link>
    </Empty>
  );
}
