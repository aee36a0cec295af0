import { describe, expect, it } from "vitest";
import type { StreamMessage } from "./documents";
import { EventStream, type SocketLike, streamAddress, waitBeforeTryMs } from "./socket";

class FakeSocket implements SocketLike {
  readyState = 0;
  onopen: ((event: Event) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  sent: string[] = [];
  isClosed = false;
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.isClosed = true;
  }
  open(): void {
    this.readyState = 1;
    this.onopen?.(new Event("open"));
  }
  say(data: unknown): void {
    this.onmessage?.({ data } as MessageEvent);
  }
  drop(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code } as CloseEvent);
  }
}

function rig() {
  const sockets: FakeSocket[] = [];
  const waits: { call: () => void; waitMs: number; isTakenBack: boolean }[] = [];
  const messages: StreamMessage[] = [];
  const connected: boolean[] = [];
  const refused: number[] = [];
  const stream = new EventStream({
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    later: (call, waitMs) => {
      const wait = { call, waitMs, isTakenBack: false };
      waits.push(wait);
      return () => {
        wait.isTakenBack = true;
      };
    },
    onMessage: (message) => messages.push(message),
    onConnected: (isConnected) => connected.push(isConnected),
    onRefused: () => refused.push(sockets.length),
  });
  return { stream, sockets, waits, messages, connected, refused };
}

const PING = '{"type":"ping","at":"2026-11-29T10:00:00Z"}';

describe("the event stream", () => {
  it("waits ever longer between tries, up to five seconds", () => {
    expect([0, 1, 2, 3, 4, 5, 50].map(waitBeforeTryMs)).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
  });

  it("connects again by itself, and counts anew once the service has spoken", () => {
    const { stream, sockets, waits, connected } = rig();
    stream.start();
    sockets[0]?.open();
    sockets[0]?.drop();
    expect(connected).toEqual([true, false]);
    expect(waits[0]?.waitMs).toBe(250);
    waits[0]?.call();
    sockets[1]?.drop();
    expect(waits[1]?.waitMs).toBe(500);
    waits[1]?.call();
    sockets[2]?.open();
    sockets[2]?.say(PING);
    sockets[2]?.drop();
    expect(waits[2]?.waitMs).toBe(250);
  });

  it("asks whether the session goes on when it is refused or told that it has ended", () => {
    const { stream, sockets, waits, refused } = rig();
    stream.start();
    sockets[0]?.open();
    sockets[0]?.say(PING);
    sockets[0]?.drop();
    expect(refused).toEqual([]);
    waits[0]?.call();
    sockets[1]?.drop();
    expect(refused).toEqual([2]);
    waits[1]?.call();
    sockets[2]?.open();
    sockets[2]?.say(PING);
    sockets[2]?.drop(4401);
    expect(refused).toEqual([2, 3]);
  });

  it("does not wait for its next try when it is told to connect", () => {
    const { stream, sockets, waits } = rig();
    stream.start();
    stream.retry();
    sockets[0]?.drop();
    stream.retry();
    expect(sockets).toHaveLength(2);
    expect(waits[0]?.isTakenBack).toBe(true);
  });

  it("has one connection at a time", () => {
    const { stream, sockets } = rig();
    stream.start();
    stream.start();
    expect(sockets).toHaveLength(1);
  });

  it("hands on what it knows and drops what it does not", () => {
    const { stream, sockets, messages } = rig();
    stream.start();
    sockets[0]?.open();
    for (const data of [PING, "no JSON", '{"type":"other"}', "null", "[]", new ArrayBuffer(2)]) {
      sockets[0]?.say(data);
    }
    expect(messages.map(({ type }) => type)).toEqual(["ping"]);
  });

  it("sends nothing while it is not connected, and keeps nothing for later", () => {
    const { stream, sockets } = rig();
    stream.start();
    expect(stream.send({ type: "heartbeat" })).toBe(false);
    sockets[0]?.open();
    expect(stream.send({ type: "heartbeat" })).toBe(true);
    expect(sockets[0]?.sent).toEqual(['{"type":"heartbeat"}']);
  });

  it("stays closed when it was stopped", () => {
    const { stream, sockets, waits } = rig();
    stream.start();
    sockets[0]?.open();
    stream.stop();
    sockets[0]?.drop();
    expect(sockets[0]?.isClosed).toBe(true);
    expect(waits).toHaveLength(0);
  });

  it("goes where the page came from, safely where the page did", () => {
    expect(streamAddress({ protocol: "https:", host: "console:8443" })).toBe("wss://console:8443/api/events");
    expect(streamAddress({ protocol: "http:", host: "127.0.0.1:8080" })).toBe(
      "ws://127.0.0.1:8080/api/events",
    );
  });
});
