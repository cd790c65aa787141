/** The bar at the top: where this is and whether it is real money, the live link, the halt button, theme, leaving. */
import { useState } from "react";
import { useMay, useSession } from "../app";
import { useLinkState, useLive } from "../live/react";
import { Icon, Mark } from "../ui/icons";
import { Button, Dot, type Tone } from "../ui/parts";
import { HaltDialog } from "./halt";
import { chooseTheme, useTheme } from "./theme";

const MODES: Record<string, { text: string; short: string; tone: string }> = {
  localnet: {
    text: "embedded chain, no real money",
    short: "no real money",
    tone: "border-accent/50 text-accent",
  },
  paper: {
    text: "simulated fills, no real money",
    short: "no real money",
    tone: "border-accent/50 text-accent",
  },
  live: { text: "real money", short: "real money", tone: "border-loss/60 text-loss" },
};

export function TopBar({ onSearch }: { onSearch: () => void }) {
  const { identifier, role, signOut } = useSession();
  const operator = useMay("operator");
  const killed = useLive((data) => data.health?.kill_switch.active ?? false);
  const [halting, setHalting] = useState(false);
  return (
    <header className="flex h-12 items-center gap-2 border-b border-line bg-panel px-2.5 sm:gap-3 sm:px-3">
      <span className="max-[380px]:hidden sm:hidden">
        <Mark size={22} />
      </span>
      <span className="hidden text-base font-semibold tracking-tight sm:block">Chimera</span>
      <ModeBadge />
      <span className="ml-auto" />
      <LinkLight />
      <button
        type="button"
        aria-label="Search and commands"
        aria-keyshortcuts="Control+K Meta+K"
        title="Search and commands (Ctrl K)"
        onClick={onSearch}
        className="flex items-center gap-2 rounded p-1.5 text-dim hover:bg-hover hover:text-text lg:border lg:border-edge lg:py-0.5 lg:text-2xs"
      >
        <Icon name="search" />
        <span className="hidden lg:inline">Search</span>
      </button>
      {operator && !killed && (
        <Button
          size="small"
          icon="halt"
          look="alarm"
          className="max-sm:hidden"
          onClick={() => setHalting(true)}
        >
          Halt
        </Button>
      )}
      <ThemeToggle />
      <span className="hidden items-center gap-2 border-l border-line pl-3 text-xs text-dim md:flex">
        {identifier} <span className="text-faint">{role}</span>
      </span>
      <button
        type="button"
        aria-label="Sign out"
        title="Sign out"
        onClick={() => signOut()}
        className="-ml-1 rounded p-1.5 text-dim hover:bg-hover hover:text-text"
      >
        <Icon name="logout" />
      </button>
      {halting && <HaltDialog onClose={() => setHalting(false)} />}
    </header>
  );
}

function ModeBadge() {
  const mode = useLive((data) => data.health?.mode ?? null);
  if (mode === null) return null;
  const known = MODES[mode] ?? { text: "", short: "", tone: "border-warn/60 text-warn" };
  return (
    <span
      data-testid="mode"
      className={`flex h-6 min-w-0 items-center gap-1.5 rounded border px-2 text-2xs whitespace-nowrap ${known.tone}`}
    >
      <b className="font-semibold tracking-wide uppercase">{mode}</b>
      {known.text && (
        <>
          <span className="hidden text-dim sm:inline">— {known.text}</span>
          <span className="truncate text-dim sm:hidden">{known.short}</span>
        </>
      )}
    </span>
  );
}

function LinkLight() {
  const { link } = useLinkState();
  const [tone, text]: [Tone, string] =
    link.status === "open"
      ? ["good", "Live"]
      : link.status === "lost"
        ? ["bad", "Lost"]
        : ["warn", "Connecting"];
  return (
    <span className="flex items-center gap-1.5 text-2xs text-dim" title="The live link to the desk">
      <Dot tone={tone} />
      <span data-testid="link" className="max-sm:sr-only">
        {text}
      </span>
    </span>
  );
}

function ThemeToggle() {
  const theme = useTheme();
  const other = theme === "dark" ? "light" : "dark";
  return (
    <button
      type="button"
      aria-label={`Use the ${other} theme`}
      title={`Use the ${other} theme`}
      onClick={() => chooseTheme(other)}
      className="rounded p-1.5 text-dim hover:bg-hover hover:text-text"
    >
      <Icon name={theme === "dark" ? "sun" : "moon"} />
    </button>
  );
}
