/** What the page says outside its panels: the browser tab's title, and a notice when a position closed. */
import { useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { formatSol, signOf } from "../format/money";
import { explain } from "../format/words";
import { useLive, useLiveMessages } from "../live/react";
import { Money } from "../ui/figures";
import { useNotify } from "../ui/toast";
import { notice } from "./install";

export function useTabTitle(): void {
  const pnl = useLive((data) => data.overview?.realised_pnl_lamports ?? null);
  useEffect(() => {
    document.title = pnl === null ? "Chimera" : `${formatSol(pnl, 4, true)} SOL · Chimera`;
  }, [pnl]);
}

/** Screens that show a closing by themselves: a notice would only cover them. */
const SHOWN_THERE = new Set(["/", "/positions", "/trades"]);

export function useClosedToasts(): void {
  const notify = useNotify();
  const told = useRef(new Set<string>());
  const seen = SHOWN_THERE.has(useRouterState({ select: (state) => state.location.pathname }));
  useLiveMessages((message) => {
    if (message.type !== "position_closed" || told.current.has(message.data.trade_uuid)) return;
    told.current.add(message.data.trade_uuid); // facts that follow a close tell it again
    const { token_symbol, realised_pnl_lamports, exit_reason } = message.data;
    const sign = signOf(realised_pnl_lamports);
    void notice(
      `${token_symbol} closed: ${formatSol(realised_pnl_lamports, 5, true)} SOL`,
      exit_reason ? explain(exit_reason) : "",
      message.data.trade_uuid,
    );
    if (seen) return;
    notify(
      sign === "profit" ? "good" : sign === "loss" ? "bad" : "neutral",
      <span className="flex items-baseline justify-between gap-3">
        <span className="truncate">
          <b className="font-semibold">{token_symbol}</b> closed
          {exit_reason && <span className="text-faint"> · {explain(exit_reason)}</span>}
        </span>
        <Money lamports={realised_pnl_lamports} signed unit />
      </span>,
    );
  });
}

/** A halt or a tripped breaker is told outside of the page too. */
export function useStopNotices(): void {
  const killed = useLive((data) => data.health?.kill_switch.active ?? false);
  const reason = useLive((data) => data.health?.kill_switch.reason ?? "");
  const breaker = useLive((data) => data.health?.circuit_breaker.state ?? "CLOSED");
  useEffect(() => {
    if (killed) void notice("Trading is halted", reason, "halt");
  }, [killed, reason]);
  useEffect(() => {
    if (breaker === "OPEN") void notice("The loss breaker tripped", "Nothing new is bought.", "breaker");
  }, [breaker]);
}
