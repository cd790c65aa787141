/** A line over time, on uPlot. Colours come from the theme's tokens; values on the y axis are SOL, for pixels only. */
import { useEffect, useEffectEvent, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { EquityPoint } from "../api/client";
import { solForPixels } from "../format/money";
import { useTheme } from "../shell/theme";

export function EquityChart(props: { points: EquityPoint[]; onPoint: (point: EquityPoint | null) => void }) {
  const { points } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  const report = useEffectEvent((index: number | null | undefined) =>
    props.onPoint(index == null ? null : (points[index] ?? null)),
  );
  const data = useEffectEvent(() => toData(points));

  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme means other colours, and so a new plot.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const made = new uPlot(options(element, report), data(), element);
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

  useEffect(() => plot.current?.setData(toData(points)), [points]);

  const first = points[0];
  const last = points.at(-1);
  const label =
    first && last
      ? `Equity from ${solForPixels(first[1]).toFixed(4)} to ${solForPixels(last[1]).toFixed(4)} SOL over ${points.length} measurements`
      : "Equity";
  return <div ref={box} role="img" aria-label={label} className="size-full" />;
}

/** Seconds between the marks of the time axis: never less than one, or two marks would bear the same label. */
const TIME_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 604_800,
];

function toData(points: EquityPoint[]): uPlot.AlignedData {
  return [points.map(([at]) => at / 1_000), points.map(([, lamports]) => solForPixels(lamports))];
}

function options(element: HTMLElement, report: (index: number | null | undefined) => void): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(`--color-${name}`).trim();
  const axis: uPlot.Axis = {
    stroke: token("faint"),
    font: `11px ${style.getPropertyValue("--font-mono")}`,
    grid: { stroke: token("line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    padding: [10, 22, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { size: 7, fill: token("accent"), stroke: token("panel"), width: 2 },
      drag: { x: false, y: false },
    },
    scales: { y: { range: (_plot, low, high) => room(low, high) } },
    axes: [
      {
        ...axis,
        space: 90,
        size: 26,
        incrs: TIME_STEPS,
        values: (_plot, marks) => marks.map(clockLabel(marks)),
      },
      {
        ...axis,
        space: 34,
        size: 66,
        values: (_plot, marks, _axis, _space, step) => marks.map((mark) => mark.toFixed(digits(step))),
      },
    ],
    series: [
      {},
      {
        stroke: token("accent"),
        width: 1.6,
        fill: (plot) => shade(plot, token("accent")),
        points: { show: false },
      },
    ],
    hooks: { setCursor: [(plot) => report(plot.cursor.idx)] },
  };
}

/** A flat line still needs height, and a wild one some air. */
function room(low: number, high: number): uPlot.Range.MinMax {
  const air = Math.max((high - low) * 0.12, Math.abs(high) * 0.0005, 1e-6);
  return [low - air, high + air];
}

/** As many decimals as tell two marks apart exactly: a step of 0.25 needs two. */
function digits(step: number): number {
  for (let count = 1; count < 8; count++) {
    const shifted = step * 10 ** count;
    if (Math.abs(shifted - Math.round(shifted)) < 1e-6 && Math.round(shifted) > 0) return count;
  }
  return 8;
}

function clockLabel(marks: number[]): (mark: number) => string {
  const span = (marks.at(-1) ?? 0) - (marks[0] ?? 0);
  const seconds = span < 600;
  return (mark) => {
    const at = new Date(mark * 1_000);
    const two = (value: number) => String(value).padStart(2, "0");
    if (span > 172_800) return `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    return `${two(at.getHours())}:${two(at.getMinutes())}${seconds ? `:${two(at.getSeconds())}` : ""}`;
  };
}

function shade(plot: uPlot, color: string): CanvasGradient {
  const gradient = plot.ctx.createLinearGradient(0, plot.bbox.top, 0, plot.bbox.top + plot.bbox.height);
  gradient.addColorStop(0, `${color}40`);
  gradient.addColorStop(1, `${color}00`);
  return gradient;
}
