/** Moments and spans as text. The moment "now" is always passed in. */

/** A span, its two largest units: `240 ms`, `12 s`, `4 m 05 s`, `3 h 20 m`, `2 d 4 h`. */
export function formatSpan(ms: number): string {
  const span = Math.max(ms, 0);
  if (span < 1_000) return `${Math.round(span)} ms`;
  const seconds = Math.floor(span / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${two(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${two(minutes % 60)} m`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago, coarse, for a column: `now`, `12 s`, `4 m`, `3 h`, `2 d`. */
export function formatAgo(at: number, now: number): string {
  const seconds = Math.floor((now - at) / 1_000);
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** The time of day here, `14:03:07`. */
export function formatClock(at: number): string {
  const moment = new Date(at);
  return `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;
}

/** The date and time of day here, `2026-11-21 14:03:07`. */
export function formatMoment(at: number): string {
  return `${formatDay(at)} ${formatClock(at)}`;
}

/** The date here, `2026-11-21`: also what `<input type="date">` reads. */
export function formatDay(at: number): string {
  const moment = new Date(at);
  return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
}

/** The first millisecond of a `YYYY-MM-DD` here, or undefined when it is no date. */
export function startOfDay(day: string | undefined): number | undefined {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? "");
  if (!parts) return undefined;
  return new Date(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3])).getTime();
}

/** The last millisecond of a `YYYY-MM-DD` here, or undefined when it is no date. */
export function endOfDay(day: string | undefined): number | undefined {
  const start = startOfDay(day);
  if (start === undefined) return undefined;
  const next = new Date(start);
  next.setDate(next.getDate() + 1); // not +24 h: days with a clock change are shorter or longer
  return next.getTime() - 1;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
