/** The dialog that moves one position's stop and target, or gives them back to its strategy. */
import { useId, useState } from "react";
import type { Position } from "../../api/client";
import { useSession } from "../../app";
import { afterGain, gainOf, readPercent, typedPercent } from "../../format/percent";
import { Confirm } from "../../ui/dialog";
import { FIELD, Field } from "../../ui/field";
import { Bps, Money } from "../../ui/figures";
import { useNotify } from "../../ui/toast";
import type { Dragged } from "./detail";

export function LevelsDialog({
  position,
  dragged,
  onClose,
}: {
  position: Position;
  /** The level that a mouse has moved, and where to. */
  dragged?: Dragged | undefined;
  onClose: () => void;
}) {
  const { api } = useSession();
  const notify = useNotify();
  const id = useId();
  const now = gainOf(position.value_lamports, position.paid_lamports);
  const [stop, setStop] = useState(() => begin(position, "stop", dragged));
  const [target, setTarget] = useState(() => begin(position, "target", dragged));
  const [own, setOwn] = useState(false);
  const submit = async (reason: string) => {
    const levels = own
      ? { stop_bps: null, target_bps: null }
      : { stop_bps: typed("stop", stop), target_bps: typed("target", target) };
    await api.setLevels(position.trade_uuid, levels, reason);
    notify(
      "good",
      own ? "Its strategy's rules hold again." : `Stop and target of ${position.token_symbol} are moved.`,
    );
  };
  return (
    <Confirm
      title={`Stop and target of ${position.token_symbol}`}
      confirm={own ? "Give back" : "Set now"}
      reason=""
      onConfirm={submit}
      onClose={onClose}
    >
      <p>
        Gains over the <Money lamports={position.paid_lamports} unit /> that were paid for what is held
        {now !== null && (
          <>
            ; now at <Bps bps={now} />
          </>
        )}
        . They stand in for the strategy's own stop, trailing stop and targets; empty means none.
      </p>
      <div className="grid grid-cols-2 gap-3">
        <LevelField
          id={`${id}-stop`}
          label="Stop, %"
          value={stop}
          disabled={own}
          paid={position.paid_lamports}
          onChange={setStop}
        />
        <LevelField
          id={`${id}-target`}
          label="Target, %"
          value={target}
          disabled={own}
          paid={position.paid_lamports}
          onChange={setTarget}
        />
      </div>
      {position.levels && (
        <label className="flex cursor-pointer items-center gap-2 text-xs">
          <input
            type="checkbox"
            checked={own}
            onChange={(event) => setOwn(event.target.checked)}
            className="accent-accent"
          />
          Back to the strategy's own rules
        </label>
      )}
    </Confirm>
  );
}

function LevelField(props: {
  id: string;
  label: string;
  value: string;
  disabled: boolean;
  paid: string | null;
  onChange: (typed: string) => void;
}) {
  const bps = readPercent(props.value);
  const wrong = props.value.trim() !== "" && bps === null;
  return (
    <Field id={props.id} label={props.label}>
      <input
        id={props.id}
        inputMode="text" // a phone's number pad has no minus sign
        placeholder="none"
        value={props.value}
        disabled={props.disabled}
        aria-invalid={wrong}
        aria-describedby={`${props.id}-worth`}
        onChange={(event) => props.onChange(event.target.value)}
        className={`num w-full disabled:opacity-50 ${FIELD}`}
      />
      <span id={`${props.id}-worth`} className={`text-2xs ${wrong ? "text-loss" : "text-faint"}`}>
        {wrong ? (
          "A percentage, at most 2 decimals"
        ) : bps === null ? (
          "no such level"
        ) : (
          <>
            sold at <Money lamports={afterGain(props.paid, bps)} unit />
          </>
        )}
      </span>
    </Field>
  );
}

/** What stands in the field at first: where it was dragged, or the level in force, by hand or by the strategy. */
function begin(position: Position, which: "stop" | "target", dragged: Dragged | undefined): string {
  if (dragged?.which === which) return typedPercent(dragged.bps);
  const { levels, paid_lamports } = position;
  const bps = levels
    ? levels[`${which}_bps`]
    : gainOf(which === "stop" ? position.stop_lamports : position.target_lamports, paid_lamports);
  return bps === null ? "" : typedPercent(bps);
}

function typed(which: string, text: string): number | null {
  if (text.trim() === "") return null;
  const bps = readPercent(text);
  if (bps === null) throw new Error(`The ${which} is no percentage with at most 2 decimals.`);
  return bps;
}
