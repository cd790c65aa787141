/** The frame around every screen: rail (a bar at the bottom on a phone), top bar, warnings that concern everything. */
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useState } from "react";
import { useMay } from "../app";
import { useLive } from "../live/react";
import { TradeSheet } from "../screens/trades/sheet";
import { Dialog } from "../ui/dialog";
import { Icon, Mark } from "../ui/icons";
import { Empty } from "../ui/parts";
import { Toasts } from "../ui/toast";
import { useClosedToasts, useStopNotices, useTabTitle } from "./announce";
import { LinkBanner, StopBanner } from "./banners";
import { HaltDialog } from "./halt";
import { Palette, usePaletteKey } from "./palette";
import { IN_BAR, SCREENS, type Screen } from "./screens";
import { TopBar } from "./topbar";

export function Shell() {
  return (
    // Inside the router: a notice may lead somewhere.
    <Toasts>
      <Frame />
    </Toasts>
  );
}

function Frame() {
  useTabTitle();
  useClosedToasts();
  useStopNotices();
  const [searching, setSearching] = useState(false);
  usePaletteKey(() => setSearching(true));
  return (
    <div className="grid min-h-dvh grid-rows-[auto_1fr] sm:grid-cols-[4.5rem_minmax(0,1fr)] wide:h-dvh">
      <button
        type="button" // not a link: the address behind # belongs to the router
        onClick={() => document.getElementById("main")?.focus()}
        className="sr-only z-50 rounded bg-accent px-3 py-2 text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to content
      </button>
      <Navigation />
      <div className="sticky top-0 z-20 min-w-0">
        <TopBar onSearch={() => setSearching(true)} />
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
      {searching && <Palette onClose={() => setSearching(false)} />}
    </div>
  );
}

const ENTRY =
  "flex min-h-14 flex-1 flex-col items-center justify-center gap-1 border-transparent text-2xs font-medium text-dim hover:text-text aria-[current=page]:text-accent sm:min-h-13 sm:flex-none sm:border-l-2 sm:aria-[current=page]:border-accent sm:aria-[current=page]:bg-raised";

function Navigation() {
  const [more, setMore] = useState(false);
  return (
    <nav
      aria-label="Screens"
      className="fixed inset-x-0 bottom-0 z-30 flex border-t border-line bg-panel pb-[env(safe-area-inset-bottom)] sm:sticky sm:top-0 sm:row-span-2 sm:h-dvh sm:flex-col sm:overflow-y-auto sm:border-t-0 sm:border-r sm:pb-0"
    >
      <div className="hidden h-12 shrink-0 items-center justify-center sm:flex">
        <Mark />
      </div>
      {SCREENS.map((screen, place) => (
        <Entry key={screen.to} screen={screen} className={place < IN_BAR ? "" : "max-sm:hidden"} />
      ))}
      <HaltEntry />
      <MoreEntry onOpen={() => setMore(true)} />
      {more && (
        <Dialog label="All screens" onClose={() => setMore(false)}>
          <ul className="grid grid-cols-3 gap-1 p-3">
            {SCREENS.slice(IN_BAR).map((screen) => (
              <li key={screen.to} className="flex">
                <Entry screen={screen} className="rounded hover:bg-hover" onGo={() => setMore(false)} />
              </li>
            ))}
          </ul>
        </Dialog>
      )}
    </nav>
  );
}

function Entry(props: { screen: Screen; className: string; onGo?: () => void }) {
  const { screen, className, onGo } = props;
  return (
    <Link
      to={screen.to}
      search={{}}
      // a name that does not hold the text below the icon could not be spoken to
      aria-label={screen.name.split(" ").includes(screen.short) ? screen.name : screen.short}
      activeOptions={{ exact: screen.to === "/", includeSearch: false }}
      onClick={() => onGo?.()}
      className={`${ENTRY} ${className}`}
    >
      <Icon name={screen.icon} size={20} />
      {screen.short}
    </Link>
  );
}

/** On a phone the emergency halt is where the thumb is. */
function HaltEntry() {
  const operator = useMay("operator");
  const killed = useLive((data) => data.health?.kill_switch.active ?? false);
  const [halting, setHalting] = useState(false);
  if (!operator) return null;
  return (
    <>
      <button
        type="button"
        disabled={killed}
        aria-label={killed ? "Trading is halted" : "Halt trading"}
        onClick={() => setHalting(true)}
        className={`${ENTRY} !text-loss disabled:opacity-60 sm:hidden`}
      >
        <Icon name="halt" size={20} />
        {killed ? "Halted" : "Halt"}
      </button>
      {halting && <HaltDialog onClose={() => setHalting(false)} />}
    </>
  );
}

function MoreEntry({ onOpen }: { onOpen: () => void }) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const here = SCREENS.slice(IN_BAR).find((screen) => path.startsWith(screen.to));
  return (
    <button
      type="button"
      aria-haspopup="dialog"
      aria-label={here ? `${here.short}; more screens` : "More screens"}
      onClick={onOpen}
      className={`${ENTRY} sm:hidden ${here ? "!text-accent" : ""}`}
    >
      <Icon name={here?.icon ?? "more"} size={20} />
      {here?.short ?? "More"}
    </button>
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
