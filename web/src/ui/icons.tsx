/** The icons, drawn on a 20 x 20 grid with one stroke. Decorative: what they mean is always said in text too. */
import type { ReactNode } from "react";

const PATHS = {
  command: "M3 3h6v7H3zM11 3h6v4h-6zM11 9h6v8h-6zM3 12h6v5H3z",
  trades: "M4 5h12M4 10h12M4 15h8",
  decisions: "M10 3v5M10 8 5 13v4M10 8l5 5v4M3 15l2 2 2-2M13 15l2 2 2-2",
  wallets: "M3 6h12v3M3 6v10h14V9H3zM13.500 12.500h1",
  incidents: "M4 17h12M6 17v-5a4 4 0 0 1 8 0v5M10 3v2M3.500 6l1.500 1.200M16.500 6 15 7.200",
  risk: "M10 3 4 5v5c0 3.500 2.500 6 6 7 3.500-1 6-3.500 6-7V5zM10 7v3.500M10 13v.1",
  positions: "M3 15l4-5 3 3 4-7 3 4M3 17h14",
  markets: "M4 16V9M8 16V4M12 16v-5M16 16V7M2.500 16.500h15",
  strategies: "M4 5h5v4H4zM11 11h5v4h-5zM9 7h4.500v4M11 13H6.500V9",
  configuration: "M3 6h8M15 6h2M3 14h2M9 14h8M11 4h4v4h-4zM5 12h4v4H5z",
  operations: "M3 4h14v9H3zM7 17h6M10 13v4M6 9h2l1.500-2.500L11.500 11l1-2H14",
  search: "M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4zM13 13l4 4",
  more: "M4 10h.1M10 10h.1M16 10h.1",
  copy: "M7 7V4h9v9h-3M4 7h9v9H4z",
  check: "m4 10.500 4 4 8-9",
  close: "m5 5 10 10M15 5 5 15",
  sun: "M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M4.300 15.700l1.100-1.100M14.600 5.400l1.100-1.100",
  moon: "M16 12.500A6.500 6.500 0 0 1 7.500 4a6.500 6.500 0 1 0 8.500 8.500z",
  logout: "M8 4H4v12h4M8 10h9M14 7l3 3-3 3",
  halt: "M7 3h6l4 4v6l-4 4H7l-4-4V7zM7.500 10h5",
  warning: "M10 3.500 17.500 16h-15zM10 8.500v3.500M10 13.900v.1",
  link: "M8.500 11.500a3 3 0 0 0 4.200 0l2.600-2.600a3 3 0 0 0-4.200-4.200l-1 1M11.500 8.500a3 3 0 0 0-4.200 0l-2.600 2.600a3 3 0 0 0 4.200 4.200l1-1",
  chevron: "m7.500 5 5 5-5 5",
  back: "m12.500 5-5 5 5 5",
  up: "M10 15V5M6 9l4-4 4 4",
  down: "M10 5v10M6 11l4 4 4-4",
  empty: "M3 11.500 5.500 5h9l2.500 6.500V15H3zM3 11.500h4l1 2h4l1-2h4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }): ReactNode {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      className="shrink-0"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** Two heads of one beast: Shield's cyan and Spear's orange. */
export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg aria-hidden="true" width={size} height={size} viewBox="0 0 32 32" className="shrink-0">
      <path
        d="M5 23 12.500 8l4.500 8.500"
        fill="none"
        className="stroke-shield"
        strokeWidth="3.2"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
      <path
        d="m16.500 16.500 3.500-4.500L27 23"
        fill="none"
        className="stroke-spear"
        strokeWidth="3.2"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
