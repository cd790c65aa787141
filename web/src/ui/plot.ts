/** What the charts share: the theme's colours, axes of time, marks that never bear the same label twice. */
import type uPlot from "uplot";

/** Reads the theme's tokens as they are now. */
export function tokens(): (name: string) => string {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--color-${name}`).trim();
}

export function axisLook(): uPlot.Axis {
  const token = tokens();
  const font = getComputedStyle(document.documentElement).getPropertyValue("--font-mono");
  return {
    stroke: token("faint"),
    font: `11px ${font}`,
    grid: { stroke: token("line"), width: 1 },
    ticks: { show: false },
  };
}

export function timeAxis(): uPlot.Axis {
  return {
    ...axisLook(),
    space: 90,
    size: 26,
    incrs: TIME_STEPS,
    values: (_plot, marks) => marks.map(clockLabel(marks)),
  };
}

/** Seconds between the marks of the time axis: never less than one, or two marks would bear the same label. */
const TIME_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 604_800,
];

/** A flat line still needs height, and a wild one some air. */
export function room(low: number, high: number): uPlot.Range.MinMax {
  const air = Math.max((high - low) * 0.12, Math.abs(high) * 0.0005, 1e-6);
  return [low - air, high + air];
}

/** As many decimals as tell two marks apart exactly: a step of 0.25 needs two. */
export function digits(step: number): number {
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

export function shade(plot: uPlot, color: string): CanvasGradient {
  const gradient = plot.ctx.createLinearGradient(0, plot.bbox.top, 0, plot.bbox.top + plot.bbox.height);
  gradient.addColorStop(0, `${color}40`);
  gradient.addColorStop(1, `${color}00`);
  return gradient;
}
