/**
 * The WebSocket's life: open, say who we are, hand every message to the store, come back when lost.
 *
 * It knows when to reconnect and how long to wait; what the messages mean is store.ts's matter. Everything from
 * outside (sockets, clock, timers, dice) is passed in, so that a test needs no waiting.
 */
import { fold, type LiveData, NOTHING, readMessage, type StreamMessage } from "./store";

export type LinkState =
  | { status: "connecting"; attempt: number }
  | { status: "open" }
  | { status: "lost"; retryAt: number; attempt: number }
  | { status: "denied" };

export interface LiveView {
  link: LinkState;
  data: LiveData;
}

export interface Surroundings {
  open: (url: string) => WebSocket;
  now: () => number;
  after: (ms: number, run: () => void) => () => void;
  /** A number from 0 up to 1. */
  dice: () => number;
}

const DENIED = 4401; // the server's close code for a key that it does not know
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** A server that is alive says something at least every few seconds; past this the socket is taken for dead. */
const SILENCE_MS = 30_000;
/** Sooner than this after a gap, another one waits its turn: a server that always skips must not be hammered. */
const GAP_REST_MS = 5_000;

export class LiveLink {
  private view: LiveView = { link: { status: "connecting", attempt: 0 }, data: NOTHING };
  private readonly watchers = new Set<() => void>();
  private readonly listeners = new Set<(message: StreamMessage) => void>();
  private socket: WebSocket | null = null;
  private cancelRetry: () => void = () => {};
  private cancelSilence: () => void = () => {};
  private attempt = 0;
  private openedWith = "";
  /** Whether nothing was missed up to the last number. */
  private whole = true;
  private lastGapAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly url: string,
    /** Asked at every connection: a login's token changes. */
    private readonly key: () => string,
    private readonly outside: Surroundings,
  ) {}

  /** The newest view; the same object until something changed. */
  readonly current = (): LiveView => this.view;

  /** Calls `watcher` after every change; returns how to stop that. */
  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  /** Calls `listener` with every message taken after the snapshot; returns how to stop that. */
  readonly listen = (listener: (message: StreamMessage) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly start = (): void => {
    this.stop();
    this.connect();
  };

  readonly stop = (): void => {
    this.cancelRetry();
    this.drop();
  };

  /** Connects at once when the link is down, without waiting for the countdown. */
  readonly retryNow = (): void => {
    const { status } = this.view.link;
    if (status === "lost" || status === "denied") this.start();
  };

  private connect(): void {
    this.show({ link: { status: "connecting", attempt: this.attempt } });
    const socket = this.outside.open(this.url);
    this.socket = socket;
    // The key goes in the first message: an address ends up in logs, a message does not.
    const key = this.key();
    this.openedWith = key;
    const { stream, seq } = this.view.data;
    // Somebody who was here before is told what he missed; where that is no longer known, a snapshot comes.
    const before = this.whole && stream !== "" && seq !== null ? { stream, after: seq } : {};
    this.whole = true;
    socket.onopen = () => socket.send(JSON.stringify({ type: "auth", token: key, ...before }));
    socket.onmessage = (event) => this.hear(String(event.data));
    socket.onclose = (event) => this.lose(event.code);
    this.expectWord();
  }

  private hear(text: string): void {
    this.expectWord();
    const message = readMessage(text);
    if (message === null) return; // a delta lost this way shows as a gap with the next one
    const { data, verdict } = fold(this.view.data, message, this.outside.now());
    if (verdict === "gap") this.resume();
    if (verdict !== "taken") return;
    const first = message.type === "snapshot" || message.type === "resumed";
    if (first) this.attempt = 0;
    this.show({ link: { status: "open" }, data });
    if (!first) for (const listener of this.listeners) listener(message);
  }

  /** Something was missed: only a new connection brings a new snapshot. */
  private resume(): void {
    this.whole = false;
    const now = this.outside.now();
    const rested = now - this.lastGapAt > GAP_REST_MS;
    this.lastGapAt = now;
    this.drop();
    if (rested) this.connect();
    else this.waitAndRetry();
  }

  private lose(code: number): void {
    this.drop();
    // A token that is over may have a successor already.
    if (code === DENIED && this.key() !== this.openedWith) this.connect();
    else if (code === DENIED) this.show({ link: { status: "denied" } });
    else this.waitAndRetry();
  }

  private waitAndRetry(): void {
    this.attempt += 1;
    const longest = Math.min(FIRST_WAIT_MS * 2 ** (this.attempt - 1), LONGEST_WAIT_MS);
    const wait = Math.round(longest * (0.5 + this.outside.dice() / 2)); // spread, so that tabs don't return in step
    this.show({ link: { status: "lost", retryAt: this.outside.now() + wait, attempt: this.attempt } });
    this.cancelRetry();
    this.cancelRetry = this.outside.after(wait, () => this.connect());
  }

  private expectWord(): void {
    this.cancelSilence();
    this.cancelSilence = this.outside.after(SILENCE_MS, () => this.lose(0));
  }

  private drop(): void {
    this.cancelSilence();
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private show(change: Partial<LiveView>): void {
    this.view = { ...this.view, ...change };
    for (const watcher of this.watchers) watcher();
  }
}
