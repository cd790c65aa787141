/** The kill switch's dialog: what to halt, and why. */
import { useState } from "react";
import type { KillMode } from "../api/client";
import { useSession } from "../app";
import { Confirm } from "../ui/dialog";
import { useNotify } from "../ui/toast";

const CHOICES: { mode: KillMode; name: string; text: string }[] = [
  { mode: "halt_buys", name: "Halt buys", text: "Nothing new is bought. Open positions may still be sold." },
  {
    mode: "halt_all",
    name: "Halt everything",
    text: "Nothing is bought or sold. Open positions stay as they are.",
  },
];

export function HaltDialog({ onClose }: { onClose: () => void }) {
  const { api } = useSession();
  const notify = useNotify();
  const [mode, setMode] = useState<KillMode>("halt_buys");
  const halt = async (reason: string) => {
    await api.kill(mode, reason);
    notify("warn", mode === "halt_buys" ? "Buys are halted." : "All trading is halted.");
  };
  return (
    <Confirm title="Halt trading?" confirm="Halt now" danger reason="" onConfirm={halt} onClose={onClose}>
      <fieldset className="flex flex-col gap-2">
        <legend className="sr-only">What to halt</legend>
        {CHOICES.map((choice) => (
          <label
            key={choice.mode}
            className="flex cursor-pointer items-start gap-2.5 rounded border border-line p-2.5 has-checked:border-danger has-checked:bg-raised"
          >
            <input
              type="radio"
              name="mode"
              checked={mode === choice.mode}
              onChange={() => setMode(choice.mode)}
              className="mt-1 accent-danger"
            />
            <span>
              <span className="block font-medium text-text">{choice.name}</span>
              <span className="text-xs">{choice.text}</span>
            </span>
          </label>
        ))}
      </fieldset>
    </Confirm>
  );
}
