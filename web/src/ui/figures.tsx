/** Figures: amounts, percentages, ages and addresses, each shown the same way wherever it stands. */
import { useState } from "react";
import {
  exactSol,
  exactUnits,
  formatBps,
  formatSol,
  formatUnits,
  formatUsd,
  type Sign,
  signOf,
} from "../format/money";
import { formatAgo, formatClock, formatMoment } from "../format/time";
import { useNow } from "../live/react";
import { Icon } from "./icons";

const TONE: Record<Sign, string> = { profit: "text-profit", loss: "text-loss", flat: "text-dim" };

/** Lamports as SOL. `signed` is for gains and losses: a sign, and the colour that goes with it. */
export function Money(props: {
  lamports: string | null | undefined;
  digits?: number;
  signed?: boolean;
  unit?: boolean;
  className?: string;
}) {
  const { lamports, digits = 4, signed = false, unit = false, className = "" } = props;
  const known = lamports !== null && lamports !== undefined;
  const tone = signed ? TONE[signOf(lamports)] : lamports === "0" ? "text-faint" : "";
  return (
    <span
      className={`num whitespace-nowrap ${known ? tone : "text-faint"} ${className}`}
      title={exactSol(lamports)}
    >
      {formatSol(lamports, digits, signed)}
      {unit && known && <span className="ml-1 text-[0.75em] text-faint">SOL</span>}
    </span>
  );
}

/** No figure here, on purpose. */
export function Dash() {
  return <span className="num text-faint">—</span>;
}

export function Usd({ micro, className = "" }: { micro: string | null | undefined; className?: string }) {
  return <span className={`num whitespace-nowrap ${className}`}>{formatUsd(micro)}</span>;
}

export function Units(props: { amount: string; decimals: number | null; symbol?: string }) {
  const exact = `${exactUnits(props.amount, props.decimals)} ${props.symbol ?? ""}`.trim();
  return (
    <span className="num whitespace-nowrap" title={exact}>
      {formatUnits(props.amount, props.decimals)}
      {props.symbol && <span className="ml-1 text-faint">{props.symbol}</span>}
    </span>
  );
}

export function Bps({ bps, className = "" }: { bps: number | null | undefined; className?: string }) {
  const tone = bps === null || bps === undefined ? "text-faint" : TONE[signOf(bps)];
  return (
    <span
      className={`num whitespace-nowrap ${tone} ${className}`}
      title={bps == null ? "not known" : `${bps} bps`}
    >
      {formatBps(bps)}
    </span>
  );
}

/** How long ago, ticking; the exact moment is in the tooltip. */
export function Age({ at, className = "" }: { at: number | null | undefined; className?: string }) {
  const now = useNow();
  if (at === null || at === undefined) return <Dash />;
  return (
    <time
      dateTime={new Date(at).toISOString()}
      title={formatMoment(at)}
      className={`num whitespace-nowrap ${className}`}
    >
      {formatAgo(at, now)}
    </time>
  );
}

/** The time of day, or the full moment with `date`. */
export function Moment({
  at,
  date = false,
  className = "",
}: {
  at: number;
  date?: boolean;
  className?: string;
}) {
  const utc = new Date(at).toISOString();
  return (
    <time dateTime={utc} title={utc} className={`num whitespace-nowrap ${className}`}>
      {date ? formatMoment(at) : formatClock(at)}
    </time>
  );
}

/** An age in slots; past `staleAfter` it warns. A slot lasts about 400 ms. */
export function SlotAge({ slots, staleAfter = 25 }: { slots: number | null; staleAfter?: number }) {
  if (slots === null) {
    return (
      <span className="num text-warn" title="no price is known">
        no price
      </span>
    );
  }
  const age = Math.max(slots, 0); // a pool may be written in a slot that the feed has not announced yet
  const stale = age > staleAfter;
  return (
    <span
      className={`num whitespace-nowrap ${stale ? "text-warn" : "text-dim"}`}
      title={
        stale ? "This price is old: the value beside it may be wrong" : "Age of the price, in slots of 0.4 s"
      }
    >
      {age} {age === 1 ? "slot" : "slots"}
    </span>
  );
}

/** An address or a signature, shortened; a click copies all of it. */
export function Address({ value, label, ends = 4 }: { value: string | null; label?: string; ends?: number }) {
  const [copied, setCopied] = useState(false);
  if (!value) return <Dash />;
  const short = value.length > ends * 2 + 1 ? `${value.slice(0, ends)}…${value.slice(-ends)}` : value;
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
    setTimeout(() => setCopied(false), 1_200);
  };
  return (
    <button
      type="button"
      onClick={(event) => {
        event.stopPropagation();
        copy().catch(() => setCopied(false));
      }}
      title={value}
      aria-label={`Copy ${label ?? "address"} ${short}`}
      className="num group/copy relative rounded-sm whitespace-nowrap text-dim hover:text-text"
    >
      {short}
      <span
        className={`absolute top-1/2 left-full -translate-y-1/2 ${
          copied
            ? "text-profit"
            : "opacity-0 group-hover/copy:opacity-100 group-focus-visible/copy:opacity-100"
        }`}
      >
        <Icon name={copied ? "check" : "copy"} size={11} />
      </span>
    </button>
  );
}
