/** The small building blocks: badge, button, panel, stat, and the states of a panel that has nothing to show. */
import type { ButtonHTMLAttributes, ReactNode } from "react";
import { ApiError } from "../api/client";
import { Icon, type IconName } from "./icons";

export type Tone = "neutral" | "good" | "bad" | "warn" | "accent" | "shield" | "spear";

const TEXT: Record<Tone, string> = {
  neutral: "text-dim",
  good: "text-profit",
  bad: "text-loss",
  warn: "text-warn",
  accent: "text-accent",
  shield: "text-shield",
  spear: "text-spear",
};

const EDGE: Record<Tone, string> = {
  neutral: "border-edge",
  good: "border-profit/40",
  bad: "border-loss/45",
  warn: "border-warn/45",
  accent: "border-accent/45",
  shield: "border-shield/40",
  spear: "border-spear/40",
};

export function Badge({
  tone = "neutral",
  children,
  title,
}: {
  tone?: Tone;
  children: ReactNode;
  title?: string;
}) {
  return (
    <span
      title={title}
      className={`inline-flex h-[1.125rem] items-center gap-1 rounded-sm border px-1.5 text-2xs font-medium whitespace-nowrap ${TEXT[tone]} ${EDGE[tone]}`}
    >
      {children}
    </span>
  );
}

/** A light, never alone: the word beside it says the same. */
export function Dot({ tone }: { tone: Tone }) {
  return (
    <span
      aria-hidden="true"
      className={`inline-block size-1.5 shrink-0 rounded-full bg-current ${TEXT[tone]}`}
    />
  );
}

type Look = "plain" | "primary" | "danger" | "alarm" | "quiet";

const LOOKS: Record<Look, string> = {
  plain: "border-edge bg-raised text-text hover:bg-hover",
  primary: "border-transparent bg-accent text-on-accent hover:brightness-110",
  danger: "border-transparent bg-danger text-on-danger hover:brightness-110",
  alarm: "border-loss/60 bg-transparent text-loss hover:bg-hover",
  quiet: "border-transparent bg-transparent text-dim hover:bg-hover hover:text-text",
};

export function Button(
  props: ButtonHTMLAttributes<HTMLButtonElement> & {
    look?: Look;
    size?: "small" | "normal";
    icon?: IconName;
  },
) {
  const { look = "plain", size = "normal", icon, className = "", children, type = "button", ...rest } = props;
  const room = size === "small" ? "h-6 px-2 text-2xs" : "h-8 px-3 text-sm";
  return (
    <button
      type={type}
      className={`inline-flex shrink-0 items-center justify-center gap-1.5 rounded border font-medium whitespace-nowrap transition-colors disabled:opacity-50 ${room} ${LOOKS[look]} ${className}`}
      {...rest}
    >
      {icon && <Icon name={icon} size={size === "small" ? 12 : 15} />}
      {children}
    </button>
  );
}

export function Panel(props: { title: string; aside?: ReactNode; className?: string; children: ReactNode }) {
  return (
    <section
      aria-label={props.title}
      className={`flex min-w-0 flex-col overflow-hidden rounded-lg border border-line bg-panel ${props.className ?? ""}`}
    >
      <header className="flex min-h-9 items-center justify-between gap-3 border-b border-line px-3 py-1">
        <h2 className="text-xs font-semibold text-text">{props.title}</h2>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}

/** One figure under its name. */
export function Stat({ label, children, note }: { label: string; children: ReactNode; note?: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-col gap-0.5">
      <dt className="label truncate">{label}</dt>
      <dd className="text-base leading-5 text-text">{children}</dd>
      {note !== undefined && <dd className="truncate text-2xs text-faint">{note}</dd>}
    </div>
  );
}

/** Nothing there, and what has to happen for that to change. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-1 flex-col items-center justify-center gap-1 px-6 py-8 text-center">
      <span className="mb-1 text-edge">
        <Icon name="empty" size={26} />
      </span>
      <p className="text-sm font-medium text-dim">{title}</p>
      {children && <p className="max-w-96 text-xs text-faint">{children}</p>}
    </div>
  );
}

/** What went wrong, in the server's words, and a way to try again. */
export function ErrorState({ error, retry }: { error: unknown; retry?: () => void }) {
  const code = error instanceof ApiError ? error.code : "UNEXPECTED";
  const text = error instanceof Error ? error.message : "Something went wrong on this page.";
  return (
    <div
      role="alert"
      className="flex flex-1 flex-col items-center justify-center gap-2 px-6 py-8 text-center"
    >
      <span className="text-loss">
        <Icon name="warning" size={24} />
      </span>
      <p className="max-w-md text-sm text-text">{text}</p>
      <p className="num text-2xs text-faint">{code}</p>
      {retry && (
        <Button size="small" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** Grey bars in the shape of what is on its way. */
export function Loading({ rows = 4 }: { rows?: number }) {
  return (
    <div aria-busy="true" role="status" className="flex flex-1 flex-col gap-2.5 p-3">
      <span className="sr-only">Loading</span>
      {Array.from({ length: rows }, (_, row) => `row-${row}`).map((row) => (
        <div key={row} className="h-4 animate-pulse rounded-sm bg-raised" />
      ))}
    </div>
  );
}
