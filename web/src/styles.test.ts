// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** WCAG AA for text of normal size. */
const AA = 4.5;
const SURFACES = ["ground", "panel", "raised", "hover"];
const INKS = ["text", "dim", "faint", "accent", "shield", "spear", "profit", "loss", "warn"];
const ON = [
  ["on-accent", "accent"],
  ["on-danger", "danger"],
] as const;

const css = readFileSync(new URL("./styles.css", import.meta.url), "utf8");
const dark = tokens(css.slice(css.indexOf("@theme"), css.indexOf(":root[data-theme")));
const light = { ...dark, ...tokens(css.slice(css.indexOf(":root[data-theme"), css.indexOf("@layer base"))) };

describe.each([
  ["dark", dark],
  ["light", light],
])("the %s theme", (_name, theme) => {
  it.each(INKS.flatMap((ink) => SURFACES.map((surface) => [ink, surface] as const)))(
    "shows %s readably on %s",
    (ink, surface) => expect(contrast(theme, ink, surface)).toBeGreaterThanOrEqual(AA),
  );

  it.each(INKS)("shows %s readably on a row that flashes", (ink) => {
    const share =
      Number(/var\(--color-accent\) (\d+)%/.exec(css.slice(css.indexOf("@keyframes flash")))?.[1]) / 100;
    expect(share).toBeGreaterThan(0);
    const flashing = { ...theme, flash: mixed(theme.accent, theme.panel, share) };
    expect(contrast(flashing, ink, "flash")).toBeGreaterThanOrEqual(AA);
  });

  it.each(ON)("shows %s readably on %s", (ink, surface) =>
    expect(contrast(theme, ink, surface)).toBeGreaterThanOrEqual(AA),
  );
});

function tokens(block: string): Record<string, string> {
  return Object.fromEntries(
    [...block.matchAll(/--color-([\w-]+): (#[0-9a-f]{6});/g)].map((m) => [m[1], m[2]]),
  );
}

function contrast(theme: Record<string, string>, ink: string, surface: string): number {
  const [a, b] = [luminance(theme[ink]), luminance(theme[surface])];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

function mixed(over: string | undefined, under: string | undefined, share: number): string {
  if (!over || !under) throw new Error("a token is missing");
  const parts = [1, 3, 5].map((at) => {
    const [a, b] = [over, under].map((color) => Number.parseInt(color.slice(at, at + 2), 16)) as [
      number,
      number,
    ];
    return Math.round(a * share + b * (1 - share))
      .toString(16)
      .padStart(2, "0");
  });
  return `#${parts.join("")}`;
}

function luminance(color: string | undefined): number {
  if (!color) throw new Error("a token is missing");
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
