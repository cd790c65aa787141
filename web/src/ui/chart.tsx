/** A line over time, on uPlot. Colours come from the theme's tokens; values on the y axis are SOL, for pixels only. */
import { useEffect, useEffectEvent, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { EquityPoint } from "../api/client";
import { solForPixels } from "../format/money";
import { useTheme } from "../shell/theme";
import { axisLook, digits, room, shade, timeAxis, tokens } from "./plot";

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

function toData(points: EquityPoint[]): uPlot.AlignedData {
  return [points.map(([at]) => at / 1_000), points.map(([, lamports]) => solForPixels(lamports))];
}

function options(element: HTMLElement, report: (index: number | null | undefined) => void): uPlot.Options {
  const token = tokens();
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
      timeAxis(),
      {
        ...axisLook(),
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
