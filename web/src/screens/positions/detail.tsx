/** One position, closely: its course, what it cost and is worth, what was bought and sold, and what may be done. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import type { Fill, Position } from "../../api/client";
import type { Mark } from "../../api/house";
import { useMay, useSession } from "../../app";
import { gainOf } from "../../format/percent";
import { explain } from "../../format/words";
import { useLiveMessages } from "../../live/react";
import { SideText, StrategyBadge } from "../../ui/badges";
import { Address, Age, Bps, Moment, Money, SlotAge, Units } from "../../ui/figures";
import { Badge, Button, Empty, ErrorState, Loading, Panel, Stat } from "../../ui/parts";
import type { Look, Which } from "./chart";
import { extended, tripOf } from "./curve";
import { LevelsDialog } from "./levels";
import { SellDialog } from "./sell";

/** The library that draws it is as big as half the page, so it comes when somebody looks. */
const TripChart = lazy(async () => ({ default: (await import("./chart")).TripChart }));

const NO_MARKS: readonly Mark[] = [];
const NO_FILLS: readonly Fill[] = [];

/** `live`: the same position as the stream tells it; null once it is closed. */
export function PositionDetail({ uuid, live }: { uuid: string; live: Position | null }) {
  const { api } = useSession();
  const told = useQuery({
    queryKey: ["trade", uuid, "position"],
    queryFn: () => api.position(uuid),
    enabled: live === null,
    retry: 1,
  });
  const position = live ?? told.data ?? null;
  if (position === null)
    return told.error ? (
      <Panel title="Position">
        <ErrorState error={told.error} retry={() => void told.refetch()} />
      </Panel>
    ) : (
      <Panel title="Position">
        <Loading rows={6} />
      </Panel>
    );
  return <Known position={position} />;
}

function Known({ position }: { position: Position }) {
  const operator = useMay("operator");
  const [asking, setAsking] = useState<"sell" | "levels" | null>(null);
  const [dragged, setDragged] = useState<Dragged | undefined>();
  const ask = (what: "sell" | "levels", to?: Dragged) => {
    setDragged(to);
    setAsking(what);
  };
  const steers = operator && position.state === "ACTIVE";
  const open = position.state !== "CLOSED";
  return (
    <Panel
      title={`Position in ${position.token_symbol}`}
      aside={
        <span className="flex items-center gap-1.5">
          <StrategyBadge strategy={position.strategy} />
          {position.state === "EXITING" && <Badge tone="warn">Exiting</Badge>}
          {!open && <Badge>Closed</Badge>}
          {steers && (
            <span className="flex gap-1.5 max-sm:hidden">
              <Actions onAsk={ask} />
            </span>
          )}
        </span>
      }
      className="wide:min-h-0 wide:overflow-y-auto"
    >
      <div className="grid gap-0 lg:grid-cols-[minmax(0,1fr)_19rem] wide:flex-1">
        <Course
          position={position}
          onDrag={steers ? (which, gain) => ask("levels", { which, bps: Math.round(gain * 100) }) : undefined}
        />
        <Figures position={position} open={open} />
      </div>
      {steers && (
        <div className="grid grid-cols-2 gap-2 border-t border-line p-3 sm:hidden [&>button]:h-10">
          <Actions onAsk={ask} />
        </div>
      )}
      {asking === "sell" && <SellDialog position={position} onClose={() => setAsking(null)} />}
      {asking === "levels" && (
        <LevelsDialog position={position} dragged={dragged} onClose={() => setAsking(null)} />
      )}
    </Panel>
  );
}

function Actions({ onAsk }: { onAsk: (what: "sell" | "levels") => void }) {
  return (
    <>
      <Button size="small" onClick={() => onAsk("levels")}>
        Stop and target
      </Button>
      <Button size="small" look="alarm" onClick={() => onAsk("sell")}>
        Sell
      </Button>
    </>
  );
}

export interface Dragged {
  which: Which;
  bps: number;
}

function Course({
  position,
  onDrag,
}: {
  position: Position;
  onDrag: ((which: Which, gain: number) => void) | undefined;
}) {
  const { api } = useSession();
  const uuid = position.trade_uuid;
  const marks = useQuery({
    queryKey: ["marks", uuid],
    queryFn: () => api.marks(uuid),
    placeholderData: keepPreviousData,
    refetchInterval: position.state === "CLOSED" ? false : 30_000,
  });
  const trade = useQuery({ queryKey: ["trade", uuid], queryFn: () => api.trade(uuid) });
  const course = useGrowing(uuid, marks.data?.items ?? NO_MARKS);
  const fills = trade.data?.fills ?? NO_FILLS;
  const trip = tripOf(position, course, fills);
  const [look, setLook] = useLook();
  return (
    <div className="flex min-w-0 flex-col border-line max-lg:border-b lg:border-r">
      <div className="relative h-64 pt-1 wide:min-h-64 wide:flex-1">
        {trip && trip.times.length > 1 ? (
          <Suspense fallback={<Loading rows={5} />}>
            <TripChart trip={trip} label={chartLabel(position, fills)} look={look} onDrag={onDrag} />
            <LookSwitch look={look} onChange={setLook} />
          </Suspense>
        ) : marks.isPending || trade.isPending ? (
          <Loading rows={5} />
        ) : (
          <Empty title="The line begins with the second price" />
        )}
      </div>
      <ol aria-label="Entries and exits" className="divide-y divide-line border-t border-line text-xs">
        {fills.map((fill) => (
          <li key={fill.signature} className="flex h-9 items-center gap-3 px-3">
            <Marker side={fill.side} />
            <SideText side={fill.side} />
            <FillAmounts fill={fill} position={position} />
            <span className="ml-auto flex items-center gap-3">
              <span className="max-sm:hidden">
                <Address value={fill.signature} label="signature" />
              </span>
              <Moment at={fill.at} className="text-faint" />
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}

const LOOK = "chimera.course";

function useLook(): [Look, (look: Look) => void] {
  const [look, setLook] = useState<Look>(() => (localStorage.getItem(LOOK) === "line" ? "line" : "candles"));
  return [
    look,
    (next) => {
      localStorage.setItem(LOOK, next);
      setLook(next);
    },
  ];
}

function LookSwitch({ look, onChange }: { look: Look; onChange: (look: Look) => void }) {
  return (
    <div className="absolute top-2 left-2 z-10 flex items-center gap-2">
      <fieldset aria-label="Drawn as" className="flex overflow-hidden rounded border border-edge bg-panel">
        {(["candles", "line"] as const).map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={one === look}
            onClick={() => onChange(one)}
            className="h-5 px-2 text-2xs text-dim hover:text-text aria-pressed:bg-hover aria-pressed:text-text"
          >
            {one === "line" ? "Line" : "Candles"}
          </button>
        ))}
      </fieldset>
      {/* The licence of lightweight-charts asks for this link. */}
      <a
        href="https://www.tradingview.com/"
        target="_blank"
        rel="noreferrer"
        className="rounded-sm bg-panel px-1 text-2xs text-faint hover:text-text hover:underline"
      >
        Charts by TradingView
      </a>
    </div>
  );
}

/** What was asked for once and has grown by the live link since; another position begins anew. */
function useGrowing(uuid: string, asked: readonly Mark[]): readonly Mark[] {
  const [grown, setGrown] = useState<{ uuid: string; marks: readonly Mark[] }>({ uuid, marks: NO_MARKS });
  useLiveMessages((message) => {
    if (message.type !== "position_update" || message.data.trade_uuid !== uuid) return;
    const told = message.data;
    setGrown((old) => ({
      uuid,
      marks: extended(old.uuid === uuid ? old.marks : NO_MARKS, told, Date.now()),
    }));
  });
  if (grown.uuid !== uuid) return asked;
  const end = asked.at(-1)?.[0] ?? 0;
  return [...asked, ...grown.marks.filter(([at]) => at > end)];
}

function Marker({ side }: { side: Fill["side"] }) {
  return (
    <svg aria-hidden="true" width="9" height="9" viewBox="0 0 10 10">
      <path
        d={side === "BUY" ? "M5 1 9.500 9h-9z" : "M5 9 .500 1h9z"}
        className={side === "BUY" ? "fill-shield" : "fill-spear"}
      />
    </svg>
  );
}

function FillAmounts({ fill, position }: { fill: Fill; position: Position }) {
  const [lamports, tokens] =
    fill.side === "BUY" ? [fill.amount_in, fill.amount_out] : [fill.amount_out, fill.amount_in];
  return (
    <span className="flex min-w-0 items-baseline gap-1.5">
      <Units amount={tokens} decimals={position.decimals} />
      <span className="text-faint">for</span>
      <Money lamports={lamports} unit />
    </span>
  );
}

function Figures({ position, open }: { position: Position; open: boolean }) {
  const gain = gainOf(position.value_lamports, position.paid_lamports);
  return (
    <div className="min-w-0">
      <dl className="grid grid-cols-2 content-start gap-x-4 gap-y-3 p-3">
        <Stat
          label={open ? "Gain, all costs in" : "Profit"}
          note={open ? <Bps bps={position.unrealised_pnl_bps} /> : undefined}
        >
          <Money
            lamports={open ? position.unrealised_pnl_lamports : position.realised_pnl_lamports}
            signed
            digits={5}
            className="text-lg font-semibold"
          />
        </Stat>
        <Stat label="Worth" note={open ? <SlotAge slots={position.price_age_slots} /> : undefined}>
          <Money lamports={position.value_lamports} digits={5} />
        </Stat>
        <Stat label="Cost">
          <Money lamports={position.entry_lamports} digits={5} />
        </Stat>
        <Stat label="Held">
          <Units amount={position.token_amount} decimals={position.decimals} />
        </Stat>
        <Stat label="Stop" note={<LevelNote position={position} which="stop" />}>
          <Money lamports={position.stop_lamports} digits={5} />
        </Stat>
        <Stat label="Target" note={<LevelNote position={position} which="target" />}>
          <Money lamports={position.target_lamports} digits={5} />
        </Stat>
        <Stat label="Price against paid">
          <Bps bps={gain} />
        </Stat>
        <Stat label={open ? "Open for" : "Closed"}>
          {position.closed_at === null ? (
            <Age at={position.opened_at} />
          ) : (
            <Moment at={position.closed_at} date className="text-xs" />
          )}
        </Stat>
        {position.exit_reason && (
          <Stat label={open ? "A part sold because" : "Sold because"}>
            <span className="text-xs">{explain(position.exit_reason)}</span>
          </Stat>
        )}
        <Stat label="Copied wallet">
          <Address value={position.wallet_address} label="wallet" />
        </Stat>
      </dl>
      <div className="flex gap-4 px-3 pb-3 text-xs">
        <Link
          to="/why/$id"
          params={{ id: position.trade_uuid }}
          search={{}}
          className="rounded-sm text-accent hover:underline"
        >
          Why it was bought
        </Link>
        <Link
          to="."
          search={(old) => ({ ...old, trade: position.trade_uuid })}
          className="rounded-sm text-accent hover:underline"
        >
          The whole trade
        </Link>
      </div>
    </div>
  );
}

function LevelNote({ position, which }: { position: Position; which: "stop" | "target" }) {
  const lamports = which === "stop" ? position.stop_lamports : position.target_lamports;
  const bps = gainOf(lamports, position.paid_lamports);
  if (bps === null) return position.levels ? "none, by hand" : "no such rule now";
  return (
    <>
      <span className="num">
        {bps > 0 ? "+" : bps < 0 ? "−" : ""}
        {Math.abs(bps) / 100} %
      </span>
      , {position.levels ? <b className="font-medium text-accent">by hand</b> : "by its strategy"}
    </>
  );
}

function chartLabel(position: Position, fills: readonly Fill[]): string {
  const exits = fills.filter((fill) => fill.side === "SELL").length;
  return `Price of ${position.token_symbol} against what was paid, with ${fills.length - exits} entries and ${exits} exits`;
}
