import { describe, expect, it } from "vitest";
import { LiveLink, type Surroundings } from "./link";

/** A socket that does what the test says. */
class FakeSocket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  sent: string[] = [];
  closed = false;
  send(text: string) {
    this.sent.push(text);
  }
  close() {
    this.closed = true;
  }
  say(message: unknown) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  snapshot(seq: number) {
    const overview = { equity_history: [] };
    this.say({
      type: "snapshot",
      seq,
      stream: "s1",
      data: { overview, positions: [], decisions: [], health: {} },
    });
  }
  decision(seq: number) {
    this.say({ type: "decision", seq, data: { seq } });
  }
}

/** A world whose time passes only when told to. */
class World {
  sockets: FakeSocket[] = [];
  clock = 1_000_000;
  private timers: { at: number; run: () => void }[] = [];

  readonly outside: Surroundings = {
    open: () => {
      const socket = new FakeSocket();
      this.sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    now: () => this.clock,
    dice: () => 1,
    after: (ms, run) => {
      const timer = { at: this.clock + ms, run };
      this.timers.push(timer);
      return () => {
        this.timers = this.timers.filter((other) => other !== timer);
      };
    },
  };

  key = "secret";

  pass(ms: number) {
    const until = this.clock + ms;
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.clock = next.at;
      next.run();
    }
    this.clock = until;
  }

  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }
}

function begin() {
  const world = new World();
  const link = new LiveLink("ws://desk/api/v1/ws", () => world.key, world.outside);
  link.start();
  world.last.onopen?.();
  return { world, link };
}

describe("the live link", () => {
  it("says who it is in its first message, not in the address", () => {
    const { world } = begin();
    expect(world.last.sent).toEqual(['{"type":"auth","token":"secret"}']);
  });

  it("is open once the snapshot came", () => {
    const { world, link } = begin();
    expect(link.current().link.status).toBe("connecting");
    world.last.snapshot(5);
    expect(link.current().link.status).toBe("open");
    expect(link.current().data.seq).toBe(5);
  });

  it("waits longer after each loss, and no longer than 15 s", () => {
    const { world, link } = begin();
    const waits = [];
    for (let round = 0; round < 8; round++) {
      world.last.onclose?.({ code: 1006 });
      const state = link.current().link;
      if (state.status !== "lost") throw new Error(`is ${state.status}`);
      waits.push(state.retryAt - world.clock);
      world.pass(state.retryAt - world.clock);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  });

  it("says where it stood when it comes back, and takes up what it missed", () => {
    const { world, link } = begin();
    world.last.snapshot(5);
    world.last.onclose?.({ code: 1006 });
    world.pass(500);
    world.last.onopen?.();
    expect(JSON.parse(world.last.sent[0] ?? "")).toEqual({
      type: "auth",
      token: "secret",
      stream: "s1",
      after: 5,
    });
    world.last.say({ type: "resumed", seq: 5, data: {} });
    expect(link.current().link.status).toBe("open");
    world.last.say({ type: "health_update", seq: 6, data: { status: "healthy" } });
    expect(link.current().data.seq).toBe(6);
  });

  it("asks for everything anew after a gap", () => {
    const { world } = begin();
    world.last.snapshot(5);
    world.last.say({ type: "health_update", seq: 9, data: {} });
    world.last.onopen?.();
    expect(JSON.parse(world.last.sent[0] ?? "")).not.toHaveProperty("after");
  });

  it("keeps the figures while it is lost, and takes the new snapshot when it is back", () => {
    const { world, link } = begin();
    world.last.snapshot(5);
    world.last.decision(6);
    world.last.onclose?.({ code: 1006 });
    expect(link.current().data.decisions).toHaveLength(1);
    world.pass(500);
    world.last.snapshot(2);
    expect(link.current()).toMatchObject({ link: { status: "open" }, data: { seq: 2, decisions: [] } });
  });

  it("forgets how often it had failed once it is back", () => {
    const { world, link } = begin();
    world.last.onclose?.({ code: 1006 });
    world.pass(500);
    world.last.snapshot(1);
    world.last.onclose?.({ code: 1006 });
    expect(link.current().link).toMatchObject({ status: "lost", attempt: 1 });
  });

  it("asks for a new snapshot at once when a number was skipped", () => {
    const { world, link } = begin();
    world.last.snapshot(5);
    const first = world.last;
    first.decision(7);
    expect(first.closed).toBe(true);
    expect(world.sockets).toHaveLength(2);
    world.last.snapshot(8);
    expect(link.current()).toMatchObject({ link: { status: "open" }, data: { seq: 8 } });
  });

  it("does not hammer a server that skips all the time", () => {
    const { world, link } = begin();
    world.last.snapshot(5);
    world.last.decision(7);
    world.last.snapshot(7);
    world.last.decision(9);
    expect(world.sockets).toHaveLength(2);
    expect(link.current().link.status).toBe("lost");
    world.pass(500);
    expect(world.sockets).toHaveLength(3);
  });

  it("takes long silence for a dead line", () => {
    const { world, link } = begin();
    world.last.snapshot(5);
    world.pass(29_000);
    world.last.decision(6);
    world.pass(29_000);
    expect(link.current().link.status).toBe("open");
    world.pass(1_500);
    expect(world.sockets).toHaveLength(2);
  });

  it("comes back at once with the next token of a login whose last one is over", () => {
    const { world } = begin();
    world.key = "the next";
    world.last.onclose?.({ code: 4401 });
    world.last.onopen?.();
    expect(world.last.sent).toEqual(['{"type":"auth","token":"the next"}']);
  });

  it("does not come back with a key that was denied", () => {
    const { world, link } = begin();
    world.last.onclose?.({ code: 4401 });
    world.pass(120_000);
    expect(link.current().link.status).toBe("denied");
    expect(world.sockets).toHaveLength(1);
  });

  it("comes back at once when asked to", () => {
    const { world, link } = begin();
    world.last.onclose?.({ code: 1006 });
    link.retryNow();
    expect(world.sockets).toHaveLength(2);
    world.pass(500);
    expect(world.sockets).toHaveLength(2);
  });

  it("hears nothing after it was stopped", () => {
    const { world, link } = begin();
    const socket = world.last;
    link.stop();
    expect([socket.closed, socket.onmessage, socket.onclose]).toEqual([true, null, null]);
    world.pass(120_000);
    expect(world.sockets).toHaveLength(1);
  });

  it("hands each delta to its listeners once, and no snapshot", () => {
    const { world, link } = begin();
    const heard: string[] = [];
    const forget = link.listen((message) => heard.push(`${message.type} ${message.seq}`));
    world.last.snapshot(5);
    world.last.decision(6);
    world.last.decision(6);
    forget();
    world.last.decision(7);
    expect(heard).toEqual(["decision 6"]);
  });

  it("survives what is not a message", () => {
    const { world, link } = begin();
    world.last.snapshot(5);
    world.last.onmessage?.({ data: "<html>" });
    expect(link.current().link.status).toBe("open");
  });
});
