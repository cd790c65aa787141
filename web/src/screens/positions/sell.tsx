/** Asks before a position, or a part of it, is sold. */
import { useId, useState } from "react";
import type { Position } from "../../api/client";
import { useSession } from "../../app";
import { partOf, readPercent } from "../../format/percent";
import { Confirm } from "../../ui/dialog";
import { FIELD } from "../../ui/field";
import { Money, Units } from "../../ui/figures";
import { useNotify } from "../../ui/toast";

const ALL_BPS = 10_000;
const PARTS = [2_500, 5_000, 7_500, ALL_BPS];

export function SellDialog({ position, onClose }: { position: Position; onClose: () => void }) {
  const { api } = useSession();
  const notify = useNotify();
  const id = useId();
  const [typed, setTyped] = useState("100");
  const bps = readPercent(typed);
  const fits = bps !== null && bps >= 1 && bps <= ALL_BPS;
  const part = fits ? bps : ALL_BPS;
  const symbol = position.token_symbol;
  const sell = async (reason: string) => {
    if (!fits) throw new Error("Give a share above 0 and up to 100 percent.");
    await api.exitPosition(position.trade_uuid, reason, part);
    notify("accent", part === ALL_BPS ? `Selling ${symbol}.` : `Selling ${typed} % of ${symbol}.`);
  };
  return (
    <Confirm
      title={part === ALL_BPS ? `Sell all ${symbol}?` : `Sell a part of ${symbol}?`}
      confirm="Sell now"
      danger
      reason="Closed by hand"
      onConfirm={sell}
      onClose={onClose}
    >
      <fieldset className="flex flex-wrap items-center gap-1.5">
        <legend className="label mb-1">How much of it</legend>
        {PARTS.map((choice) => (
          <button
            key={choice}
            type="button"
            aria-pressed={bps === choice}
            onClick={() => setTyped(String(choice / 100))}
            className="h-8 min-w-14 rounded border border-edge bg-raised px-2 text-xs text-text hover:bg-hover aria-pressed:border-accent aria-pressed:text-accent"
          >
            {choice === ALL_BPS ? "All" : `${choice / 100} %`}
          </button>
        ))}
        <label htmlFor={`${id}-part`} className="ml-auto flex items-center gap-1.5 text-xs text-dim">
          <span className="sr-only">Share in percent</span>
          <input
            id={`${id}-part`}
            inputMode="decimal"
            value={typed}
            aria-invalid={!fits}
            onChange={(event) => setTyped(event.target.value)}
            className={`num w-16 text-right ${FIELD} max-sm:w-16`}
          />
          %
        </label>
      </fieldset>
      <dl className="grid grid-cols-2 gap-x-4 gap-y-1.5">
        <dt>Amount</dt>
        <dd className="text-right text-text">
          <Units amount={partOf(position.token_amount, part)} decimals={position.decimals} symbol={symbol} />
        </dd>
        <dt>Worth about</dt>
        <dd className="text-right text-text">
          <Money lamports={share(position.value_lamports, part)} unit />
        </dd>
        <dt>Gain if sold there</dt>
        <dd className="text-right">
          <Money lamports={share(position.unrealised_pnl_lamports, part)} signed unit />
        </dd>
      </dl>
      <p>The sale is simulated first. If the simulation fails, nothing is sent and the position stays.</p>
    </Confirm>
  );
}

/** A part of an amount in proportion; a big sale moves the price, so a small one may fetch a little more. */
function share(lamports: string | null, bps: number): string | null {
  return lamports === null ? null : String((BigInt(lamports) * BigInt(bps)) / BigInt(ALL_BPS));
}
