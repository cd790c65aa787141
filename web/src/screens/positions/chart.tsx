/**
 * A position's course with its entries, exits, stop and target, on lightweight-charts; a file of its own, fetched
 * when somebody looks. Figures beside it are exact; this is for the eye.
 *
 * Stop and target can be dragged with a mouse where `onDrag` is given: it gets the level, nothing is sent here.
 */
import {
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  LineSeries,
  LineStyle,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import { useEffect, useEffectEvent, useRef } from "react";
import { formatClock, formatMoment } from "../../format/time";
import { useTheme } from "../../shell/theme";
import { tokens } from "../../ui/plot";
import { type Candle, candlesOf, roomFor, spanOf } from "./candles";
import type { Trip } from "./curve";

export type Look = "line" | "candles";
export type Which = "stop" | "target";

interface Props {
  trip: Trip;
  label: string;
  look: Look;
  /** Where the line was let go, in percent above what was paid. */
  onDrag?: ((which: Which, gain: number) => void) | undefined;
}

export function TripChart({ trip, label, look, onDrag }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const drawn = useRef<Drawn | null>(null);
  const theme = useTheme();
  const shown = useEffectEvent(() => trip);
  const dropped = useEffectEvent((which: Which, gain: number) => onDrag?.(which, gain));
  const mayDrag = useEffectEvent(() => onDrag !== undefined);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme means other colours, and so a new chart.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const made = new Drawn(element, look, () => shown());
    drawn.current = made;
    made.show(shown());
    const stopDragging = drags(element, made, mayDrag, dropped);
    return () => {
      stopDragging();
      made.remove();
      drawn.current = null;
    };
  }, [theme, look]);

  useEffect(() => drawn.current?.show(trip), [trip]);

  return <div ref={box} role="img" aria-label={label} className="size-full" />;
}

type Series = ISeriesApi<"Line"> | ISeriesApi<"Candlestick">;

/** The chart as it stands. */
class Drawn {
  readonly chart: IChartApi;
  readonly series: Series;
  readonly lines: { stop: IPriceLine | null; target: IPriceLine | null } = { stop: null, target: null };
  /** Lines stay where a hand has them. */
  held: Which | null = null;
  private readonly markers: ISeriesMarkersPluginApi<Time>;
  private readonly token = tokens();
  private span = 0;

  constructor(
    element: HTMLElement,
    private readonly look: Look,
    trip: () => Trip,
  ) {
    const { token } = this;
    this.chart = createChart(element, {
      autoSize: true,
      layout: {
        background: { color: token("panel") },
        textColor: token("faint"),
        fontSize: 11,
        fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--font-mono"),
        attributionLogo: false, // it brings a <style> tag, which the page's policy forbids; the page names the makers
      },
      grid: { vertLines: { color: token("line") }, horzLines: { color: token("line") } },
      crosshair: {
        vertLine: { color: token("edge"), labelBackgroundColor: token("edge") },
        horzLine: { color: token("edge"), labelBackgroundColor: token("edge") },
      },
      rightPriceScale: { borderColor: token("line"), scaleMargins: { top: 0.02, bottom: 0.02 } },
      timeScale: {
        borderColor: token("line"),
        timeVisible: true,
        secondsVisible: true,
        rightOffset: 2,
        minBarSpacing: 0.5,
        maxBarSpacing: 18, // a position of three seconds is no wall of colour
        tickMarkFormatter: (time: Time) => formatClock(Number(time) * 1_000),
      },
      localization: { timeFormatter: (time: Time) => formatMoment(Number(time) * 1_000) },
      handleScroll: { vertTouchDrag: false }, // a finger scrolls the page
    });
    const common = {
      priceLineVisible: false,
      lastValueVisible: true,
      priceFormat: { type: "custom" as const, formatter: percent, minMove: 0.01 },
      autoscaleInfoProvider: (
        own: () => { priceRange: { minValue: number; maxValue: number } | null } | null,
      ) => {
        const range = own()?.priceRange;
        const { from, to } = roomFor(range?.minValue ?? 0, range?.maxValue ?? 0, trip());
        return { priceRange: { minValue: from, maxValue: to } };
      },
    };
    this.series =
      look === "line"
        ? this.chart.addSeries(LineSeries, { ...common, color: token("accent"), lineWidth: 2 })
        : this.chart.addSeries(CandlestickSeries, {
            ...common,
            upColor: token("profit"),
            downColor: token("loss"),
            wickUpColor: token("profit"),
            wickDownColor: token("loss"),
            borderVisible: false,
          });
    this.series.createPriceLine({
      price: 0,
      color: token("faint"),
      lineWidth: 1,
      lineStyle: LineStyle.Dashed,
      axisLabelVisible: true,
      title: "paid",
    });
    this.markers = createSeriesMarkers(this.series as ISeriesApi<"Line">, []);
  }

  show(trip: Trip): void {
    const span = spanOf(trip.times);
    const candles = candlesOf(trip.times, trip.gains, span);
    // Who sees the beginning goes on seeing all of it; who has scrolled or zoomed in is left where he is.
    const seen = this.chart.timeScale().getVisibleLogicalRange();
    const whole = seen === null || seen.from <= 1 || span !== this.span;
    if (this.look === "line")
      (this.series as ISeriesApi<"Line">).setData(
        candles.map(({ time, close }) => ({ time: time as UTCTimestamp, value: close })),
      );
    else (this.series as ISeriesApi<"Candlestick">).setData(candles as (Candle & { time: UTCTimestamp })[]);
    this.level("stop", trip.stop, this.token("loss"));
    this.level("target", trip.target, this.token("profit"));
    this.markers.setMarkers(
      trip.fills.map(({ at, gain, side }) => ({
        time: (Math.floor(at / span) * span) as UTCTimestamp,
        position: side === "BUY" ? ("atPriceBottom" as const) : ("atPriceTop" as const),
        price: gain,
        shape: side === "BUY" ? ("arrowUp" as const) : ("arrowDown" as const),
        color: this.token(side === "BUY" ? "shield" : "spear"),
        size: 1,
      })),
    );
    if (whole) this.chart.timeScale().fitContent();
    this.span = span;
  }

  remove(): void {
    this.chart.remove();
  }

  private level(which: Which, at: number | null, color: string): void {
    const line = this.lines[which];
    if (this.held === which) return;
    if (at === null) {
      if (line) this.series.removePriceLine(line);
      this.lines[which] = null;
    } else if (line) line.applyOptions({ price: at });
    else
      this.lines[which] = this.series.createPriceLine({
        price: at,
        color,
        lineWidth: 1,
        lineStyle: LineStyle.Dashed,
        axisLabelVisible: true,
        title: which,
      });
  }
}

const GRIP_PX = 7;

/** Lets a mouse take the lines; returns how to stop that. A finger can't: it would fight with scrolling. */
function drags(
  element: HTMLElement,
  drawn: Drawn,
  may: () => boolean,
  dropped: (which: Which, gain: number) => void,
): () => void {
  const yOf = (event: PointerEvent) => event.clientY - element.getBoundingClientRect().top;
  const under = (event: PointerEvent): Which | null => {
    if (!may() || event.pointerType !== "mouse") return null;
    for (const which of ["stop", "target"] as const) {
      const line = drawn.lines[which];
      const y = line && drawn.series.priceToCoordinate(line.options().price);
      if (y !== null && y !== undefined && Math.abs(y - yOf(event)) <= GRIP_PX) return which;
    }
    return null;
  };
  const down = (event: PointerEvent) => {
    drawn.held = event.button === 0 ? under(event) : null;
    if (drawn.held === null) return;
    element.setPointerCapture(event.pointerId);
    drawn.chart.applyOptions({ handleScroll: false, handleScale: false }); // else the chart moves along
  };
  const move = (event: PointerEvent) => {
    if (drawn.held === null) {
      element.classList.toggle("[&_*]:!cursor-ns-resize", under(event) !== null);
      return;
    }
    const gain = drawn.series.coordinateToPrice(yOf(event));
    if (gain !== null) drawn.lines[drawn.held]?.applyOptions({ price: gain });
  };
  const up = (event: PointerEvent) => {
    const which = drawn.held;
    if (which === null) return;
    drawn.held = null;
    drawn.chart.applyOptions({ handleScroll: { vertTouchDrag: false }, handleScale: true });
    const gain = drawn.series.coordinateToPrice(yOf(event));
    if (event.type === "pointerup" && gain !== null) dropped(which, gain);
  };
  const events: [string, (event: PointerEvent) => void][] = [
    ["pointerdown", down],
    ["pointermove", move],
    ["pointerup", up],
    ["pointercancel", up],
  ];
  for (const [name, handle] of events) element.addEventListener(name, handle as EventListener, true);
  return () => {
    for (const [name, handle] of events) element.removeEventListener(name, handle as EventListener, true);
  };
}

function percent(gain: number): string {
  return `${gain > 0 ? "+" : ""}${gain.toFixed(2).replace("-", "−")} %`;
}
