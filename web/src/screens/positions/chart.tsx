/** A position's course with its entries, exits, stop and target. Figures beside it are exact; this is for the eye. */
import { useEffect, useEffectEvent, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "../../shell/theme";
import { axisLook, digits, timeAxis, tokens } from "../../ui/plot";
import type { Trip } from "./curve";

const AIR = 0.025; // on both sides, so that a marker at the end is seen whole
const MARKER = 6; // CSS pixels from its middle to its tip

export function TripChart({ trip, label }: { trip: Trip; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  const data = useEffectEvent((): uPlot.AlignedData => [trip.times, trip.gains]);
  const shown = useEffectEvent(() => trip);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme means other colours, and so a new plot.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const made = new uPlot(options(element, shown), data(), element);
    plot.current = made;
    const resized = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: element.clientHeight }),
    );
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [theme]);

  useEffect(() => plot.current?.setData([trip.times, trip.gains]), [trip]);

  return <div ref={box} role="img" aria-label={label} className="size-full" />;
}

function options(element: HTMLElement, shown: () => Trip): uPlot.Options {
  const token = tokens();
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    padding: [14, 16, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: {
      x: { range: (_plot, first, last) => [first - (last - first) * AIR, last + (last - first) * AIR] },
      y: { range: (_plot, low, high) => room(low, high, shown()) },
    },
    axes: [
      timeAxis(),
      {
        ...axisLook(),
        space: 30,
        size: 58,
        values: (_plot, marks, _axis, _space, step) => marks.map((mark) => percent(mark, step)),
      },
    ],
    series: [{}, { stroke: token("accent"), width: 1.6, spanGaps: true, points: { show: false } }],
    hooks: { draw: [(plot) => overlay(plot, shown())] },
  };
}

/** All of the line, the fills, and a stop or target that is not so far off that it would flatten the rest. */
function room(low: number | null, high: number | null, trip: Trip): uPlot.Range.MinMax {
  const seen = [low ?? 0, high ?? 0, 0, ...trip.fills.map((fill) => fill.gain)];
  let [bottom, top] = [Math.min(...seen), Math.max(...seen)];
  const reach = Math.max((top - bottom) * 4, 30);
  for (const level of [trip.stop, trip.target]) {
    if (level !== null && level > bottom - reach && level < top + reach)
      [bottom, top] = [Math.min(bottom, level), Math.max(top, level)];
  }
  const air = Math.max((top - bottom) * 0.1, 0.05);
  return [bottom - air, top + air];
}

function overlay(plot: uPlot, trip: Trip): void {
  const token = tokens();
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const line = (gain: number, colour: string, text: string) => {
    const y = plot.valToPos(gain, "y", true);
    ctx.strokeStyle = colour;
    ctx.lineWidth = ratio;
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.fillStyle = colour;
    ctx.font = `${11 * ratio}px sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.fillText(text, bbox.left + 4 * ratio, y - 4 * ratio);
  };
  line(0, token("faint"), "paid");
  if (trip.stop !== null) line(trip.stop, token("loss"), "stop");
  if (trip.target !== null) line(trip.target, token("profit"), "target");
  for (const fill of trip.fills) {
    const x = plot.valToPos(fill.at, "x", true);
    const y = plot.valToPos(fill.gain, "y", true);
    const [size, up] = [MARKER * ratio, fill.side === "BUY" ? 1 : -1];
    ctx.fillStyle = fill.side === "BUY" ? token("shield") : token("spear");
    ctx.strokeStyle = token("panel");
    ctx.lineWidth = 1.5 * ratio;
    ctx.beginPath();
    ctx.moveTo(x, y - size * up);
    ctx.lineTo(x + size, y + size * up);
    ctx.lineTo(x - size, y + size * up);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}

function percent(mark: number, step: number): string {
  const count = Number.isInteger(step) ? 0 : digits(step);
  return `${mark > 0 ? "+" : ""}${mark.toFixed(count).replace("-", "−")} %`;
}
