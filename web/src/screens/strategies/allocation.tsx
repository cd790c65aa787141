/** How the money is split between the styles; an operator changes it in one step, both shares together. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useMay, useSession } from "../../app";
import { GuardedConfirm } from "../../shell/guarded";
import { Button, Empty, ErrorState, Loading, Panel } from "../../ui/parts";
import { useNotify } from "../../ui/toast";

const SHIELD = "allocation.shield_percent";
const SPEAR = "allocation.spear_percent";

export function Allocation() {
  const { api } = useSession();
  const operator = useMay("operator");
  const [asking, setAsking] = useState(false);
  const settings = useQuery({ queryKey: ["settings"], queryFn: api.settings, refetchInterval: 15_000 });
  const value = (key: string) =>
    Number(settings.data?.items.find((one) => one.key === key)?.value ?? Number.NaN);
  const [shield, spear] = [value(SHIELD), value(SPEAR)];
  const known = Number.isFinite(shield) && Number.isFinite(spear);
  return (
    <Panel
      title="Allocation"
      aside={
        operator &&
        known && (
          <Button size="small" onClick={() => setAsking(true)}>
            Change the split
          </Button>
        )
      }
    >
      {known ? (
        <div className="flex flex-col gap-2 p-3 text-xs">
          <Bar shield={shield} />
          <div className="flex justify-between">
            <span>
              Shield <b className="num font-semibold text-shield">{shield} %</b>
            </span>
            <span>
              Spear <b className="num font-semibold text-spear">{spear} %</b>
            </span>
          </div>
          <p className="text-2xs text-faint">
            Of the capital, at most; neither style borrows from the other.
          </p>
        </div>
      ) : settings.error ? (
        <ErrorState error={settings.error} retry={() => void settings.refetch()} />
      ) : settings.data ? (
        <Empty title="It may not be changed while the desk runs" />
      ) : (
        <Loading rows={2} />
      )}
      {asking && known && settings.data && (
        <SplitDialog shield={shield} version={settings.data.version} onClose={() => setAsking(false)} />
      )}
    </Panel>
  );
}

function Bar({ shield }: { shield: number }) {
  return (
    <svg
      role="img"
      aria-label={`Shield ${shield} %, Spear ${100 - shield} %`}
      viewBox="0 0 100 3"
      preserveAspectRatio="none"
      className="h-2 w-full rounded-sm"
    >
      <rect width={shield} height="3" className="fill-shield" />
      <rect x={shield} width={100 - shield} height="3" className="fill-spear" />
    </svg>
  );
}

function SplitDialog(props: { shield: number; version: number; onClose: () => void }) {
  const { api } = useSession();
  const queries = useQueryClient();
  const notify = useNotify();
  const id = useId();
  const [shield, setShield] = useState(props.shield);
  const send = async (reason: string) => {
    await api.changeSettings({ [SHIELD]: shield, [SPEAR]: 100 - shield }, reason, props.version);
    notify("good", `Shield ${shield} %, Spear ${100 - shield} %.`);
    for (const queryKey of [["settings"], ["audit"], ["strategies"]])
      void queries.invalidateQueries({ queryKey });
  };
  return (
    <GuardedConfirm
      title="Split the money anew?"
      confirm="Change now"
      reason=""
      onConfirm={send}
      onClose={props.onClose}
    >
      <label htmlFor={id} className="flex flex-col gap-2 text-xs">
        <span className="flex justify-between">
          <span>
            Shield <b className="num text-shield">{shield} %</b>
          </span>
          <span>
            Spear <b className="num text-spear">{100 - shield} %</b>
          </span>
        </span>
        <input
          id={id}
          type="range"
          min={0}
          max={100}
          step={1}
          aria-label="Shield's share in percent"
          value={shield}
          onChange={(event) => setShield(Number(event.target.value))}
          className="accent-accent"
        />
      </label>
      <p>Positions that are open stay as they are, even where a style then has more than its share.</p>
    </GuardedConfirm>
  );
}
