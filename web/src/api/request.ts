/**
 * One call of the control plane, typed by the operation's name: its parameters, body and answer come from the
 * OpenAPI document (contract.gen.ts), told more closely by shapes.ts. Knows nothing of React and the screen.
 */
import type { Operations } from "./contract.gen";
import type { Told } from "./shapes";

export type Operation = keyof Operations;
export type Answer<Name extends Operation> = Name extends keyof Told
  ? Told[Name]
  : Operations[Name]["answer"];

type Loose<Shape> = { [Name in keyof Shape]: Shape[Name] | undefined };
type Part<Name extends string, Shape> = Shape extends undefined
  ? unknown
  : Partial<Record<never, never>> extends Shape
    ? { [Each in Name]?: Loose<Shape> }
    : { [Each in Name]: Shape };

/** What a call needs: the `{…}` of its path, what stands behind its `?`, and its body. */
export type Given<Name extends Operation> = Part<"path", Operations[Name]["path"]> &
  Part<"query", Operations[Name]["query"]> &
  Part<"body", Operations[Name]["body"]>;

export type Arguments<Name extends Operation> =
  Partial<Record<never, never>> extends Given<Name> ? [given?: Given<Name>] : [given: Given<Name>];

/** Operations whose answer is a file. */
export type FileOperation = {
  [Name in Operation]: Operations[Name]["answer"] extends Blob ? Name : never;
}[Operation];

/** The control plane said no, or nothing at all: `status` 0 means that it could not be reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** What else the desk said of it. */
  readonly details: Record<string, unknown>;

  constructor(status: number, code: string, message: string, details: Record<string, unknown> = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

interface Parts {
  path?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
}

/** What the desk answers; throws ApiError. `caller`: headers that say who asks. */
export async function request<Name extends Operation>(
  fetcher: typeof fetch,
  caller: Record<string, string>,
  operation: Name,
  ...[given]: Arguments<Name>
): Promise<Answer<Name>> {
  const response = await send(fetcher, caller, operation, given as Parts | undefined);
  const text = await response.text();
  if (!response.ok) throw refusal(response, text);
  try {
    return JSON.parse(text) as Answer<Name>;
  } catch {
    throw new ApiError(response.status, "GARBLED", "The desk answered with something that is not JSON.");
  }
}

/** The same where the answer is a file, whatever is in it. */
export async function requestFile<Name extends FileOperation>(
  fetcher: typeof fetch,
  caller: Record<string, string>,
  operation: Name,
  ...[given]: Arguments<Name>
): Promise<Blob> {
  const response = await send(fetcher, caller, operation, given as Parts | undefined);
  if (!response.ok) throw refusal(response, await response.text());
  return response.blob();
}

async function send(
  fetcher: typeof fetch,
  caller: Record<string, string>,
  operation: Operation,
  given: Parts = {},
): Promise<Response> {
  const [method = "GET", template = ""] = operation.split(" ");
  const path = template.replace(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(String(given.path?.[name])),
  );
  const headers: Record<string, string> = { Accept: "application/json", ...caller };
  if (given.body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetcher(`/api/v1${path}${query(given.query ?? {})}`, {
      method,
      headers,
      body: given.body === undefined ? null : JSON.stringify(given.body),
      cache: "no-store",
      credentials: "omit",
    });
  } catch {
    throw new ApiError(0, "UNREACHABLE", "The desk does not answer. Is it still running?");
  }
}

function query(parameters: Record<string, unknown>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text && `?${text}`;
}

function refusal(response: Response, text: string): ApiError {
  try {
    const told = JSON.parse(text) as { error?: unknown; message?: unknown; details?: unknown };
    const details = told.details && typeof told.details === "object" ? told.details : {};
    const code = typeof told.error === "string" ? told.error : `HTTP_${response.status}`;
    if (typeof told.message === "string" && told.message)
      return new ApiError(response.status, code, told.message, details as Record<string, unknown>);
  } catch {
    // Not the contract's error body (a proxy's page, for example): the status has to do.
  }
  if (response.status === 429) {
    const seconds = response.headers.get("Retry-After");
    const when = seconds ? `in ${seconds} s` : "in a moment";
    return new ApiError(429, "RATE_LIMITED", `Too many requests. Try again ${when}.`);
  }
  return new ApiError(
    response.status,
    `HTTP_${response.status}`,
    `The desk answered with status ${response.status}.`,
  );
}
