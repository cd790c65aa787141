/** The palette: a few letters lead to a screen, an open position, an id's reasons, or something to do. */
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useEffect, useEffectEvent, useId, useState } from "react";
import type { Position } from "../api/client";
import { useMay, useSession } from "../app";
import { formatBps } from "../format/money";
import { useLive } from "../live/react";
import { Dialog } from "../ui/dialog";
import { Icon, type IconName } from "../ui/icons";
import { useNotify } from "../ui/toast";
import { HaltDialog } from "./halt";
import { canNotice, noticesOn, switchNotices } from "./install";
import { fitting } from "./match";
import { SCREENS } from "./screens";
import { chooseTheme, useTheme } from "./theme";

/** Ctrl K or ⌘ K, wherever one is. */
export function usePaletteKey(open: () => void): void {
  const latest = useEffectEvent(open);
  useEffect(() => {
    const pressed = (event: globalThis.KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "k") return;
      event.preventDefault();
      if (!document.querySelector("dialog[open]")) latest(); // a question that waits is answered first
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
}

interface Choice {
  id: string;
  icon: IconName;
  text: string;
  note?: string;
  run: () => void;
}

export function Palette({ onClose }: { onClose: () => void }) {
  const [halting, setHalting] = useState(false);
  if (halting) return <HaltDialog onClose={onClose} />;
  return <Search onClose={onClose} onHalt={() => setHalting(true)} />;
}

function Search({ onClose, onHalt }: { onClose: () => void; onHalt: () => void }) {
  const id = useId();
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const choices = useChoices(typed, onHalt);
  const chosen = choices[Math.min(at, choices.length - 1)];
  const run = (choice: Choice | undefined) => {
    if (!choice) return;
    if (choice.id !== "halt") onClose();
    choice.run();
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const now = Math.min(at, choices.length - 1);
      setAt((now + step + choices.length) % Math.max(choices.length, 1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(chosen);
    }
  };
  return (
    <Dialog label="Search and commands" onClose={onClose}>
      <div className="flex items-center gap-2 border-b border-line px-3 text-faint">
        <Icon name="search" />
        <input
          role="combobox"
          aria-label="Where to, or what to do"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={chosen && `${id}-${chosen.id}`}
          aria-autocomplete="list"
          autoFocus
          autoComplete="off"
          spellCheck={false}
          placeholder="A screen, a token, an id, a command"
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setAt(0);
          }}
          onKeyDown={press}
          className="h-11 min-w-0 flex-1 bg-transparent text-sm text-text outline-none"
        />
      </div>
      <div id={`${id}-list`} role="listbox" aria-label="Choices" className="max-h-80 overflow-y-auto p-1.5">
        {choices.map((choice) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys of the whole list.
          // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field; this is its active descendant.
          <div
            key={choice.id}
            id={`${id}-${choice.id}`}
            role="option"
            aria-selected={choice === chosen}
            onClick={() => run(choice)}
            className="flex min-h-9 cursor-pointer items-center gap-2.5 rounded px-2 text-sm text-dim hover:bg-hover aria-selected:bg-raised aria-selected:text-text"
          >
            <Icon name={choice.icon} />
            <span className="min-w-0 truncate">{choice.text}</span>
            {choice.note && <span className="num ml-auto text-2xs text-faint">{choice.note}</span>}
          </div>
        ))}
        {choices.length === 0 && <p className="px-2 py-3 text-sm text-faint">Nothing fits that</p>}
      </div>
    </Dialog>
  );
}

const ID = /^[\w-]{8,88}$/;

function useChoices(typed: string, onHalt: () => void): Choice[] {
  const navigate = useNavigate();
  const { signOut } = useSession();
  const notify = useNotify();
  const operator = useMay("operator");
  const theme = useTheme();
  const positions = useLive((data) => data.positions);
  const killed = useLive((data) => data.health?.kill_switch.active ?? false);
  const other = theme === "dark" ? "light" : "dark";
  const all: Choice[] = [
    ...SCREENS.map((screen) => ({
      id: screen.short,
      icon: screen.icon,
      text: screen.name,
      run: () => void navigate({ to: screen.to, search: {} }),
    })),
    ...positions.map((position) => ({
      id: position.trade_uuid,
      icon: "positions" as const,
      text: `${position.token_symbol}: its position`,
      note: gain(position),
      run: () => void navigate({ to: "/positions", search: { at: position.trade_uuid } }),
    })),
    ...(operator && !killed
      ? [{ id: "halt", icon: "halt" as const, text: "Halt trading", run: onHalt }]
      : []),
    {
      id: "theme",
      icon: theme === "dark" ? "sun" : "moon",
      text: `Use the ${other} theme`,
      run: () => chooseTheme(other),
    },
    ...(canNotice()
      ? [
          {
            id: "notices",
            icon: "incidents" as const,
            text: noticesOn() ? "Stop the system's notices" : "Let the system show notices",
            run: () =>
              void switchNotices(!noticesOn()).then((on) =>
                notify(
                  on ? "good" : "neutral",
                  on ? "Closings and halts are told outside too." : "No notices.",
                ),
              ),
          },
        ]
      : []),
    { id: "leave", icon: "logout", text: "Sign out", run: () => signOut() },
  ];
  const found = fitting(all, typed, (choice) => choice.text);
  const wanted = typed.trim();
  if (ID.test(wanted) && /\d/.test(wanted))
    found.push({
      id: "why",
      icon: "decisions",
      text: `Why: ${wanted}`,
      run: () => void navigate({ to: "/why/$id", params: { id: wanted }, search: {} }),
    });
  return found;
}

function gain(position: Position): string {
  return position.unrealised_pnl_bps === null ? "" : formatBps(position.unrealised_pnl_bps);
}
