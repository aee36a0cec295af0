import type { StreamMessage } from "./documents";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;

/** What of a WebSocket is used. */
export interface SocketLike {
  readonly readyState: number;
  onopen: ((event: Event) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  send(text: string): void;
  close(): void;
}

/** What the stream needs from outside; tests put in their own. */
export interface StreamParts {
  open: () => SocketLike;
  /** Call later; returns what takes the call back. */
  later: (call: () => void, waitMs: number) => () => void;
  onMessage: (message: StreamMessage) => void;
  onConnected: (isConnected: boolean) => void;
  /** The session has ended, or the stream was refused before the first message. */
  onRefused: () => void;
}

/** With this number the service closes the stream of a session that has ended. */
const SESSION_ENDED = 4401;

/** How long to wait before the n-th try in a row (from 0), ms: doubling up to five seconds. */
export function waitBeforeTryMs(tries: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(tries, 10));
}

const OPEN = 1;

/** The event stream: connects again by itself until it is closed. */
export class EventStream {
  readonly #parts: StreamParts;
  #socket: SocketLike | null = null;
  #takeBack: (() => void) | null = null;
  #tries = 0;
  #hasSpoken = false;

  constructor(parts: StreamParts) {
    this.#parts = parts;
  }

  /** Connect, unless that is done or under way. */
  start(): void {
    if (this.#socket !== null) {
      return;
    }
    this.#takeBack?.();
    this.#takeBack = null;
    const socket = this.#parts.open();
    this.#socket = socket;
    this.#hasSpoken = false;
    socket.onopen = () => {
      this.#parts.onConnected(true);
    };
    socket.onmessage = (event) => this.#take(event.data);
    socket.onclose = (event) => {
      if (this.#socket === socket) {
        this.#socket = null;
        this.#parts.onConnected(false);
        if (event.code === SESSION_ENDED || !this.#hasSpoken) {
          this.#parts.onRefused();
        }
        this.#takeBack = this.#parts.later(() => this.start(), waitBeforeTryMs(this.#tries));
        this.#tries += 1;
      }
    };
  }

  /** Connect now where the stream waits for its next try. */
  retry(): void {
    this.#tries = 0;
    if (this.#takeBack !== null) {
      this.start();
    }
  }

  /** Disconnect and stay so. */
  stop(): void {
    this.#takeBack?.();
    this.#takeBack = null;
    const socket = this.#socket;
    this.#socket = null;
    this.#tries = 0;
    if (socket !== null) {
      socket.close();
      this.#parts.onConnected(false);
    }
  }

  /** Send a document; false where nothing is connected. Nothing is kept to be sent later. */
  send(document: unknown): boolean {
    if (this.#socket === null || this.#socket.readyState !== OPEN) {
      return false;
    }
    this.#socket.send(JSON.stringify(document));
    return true;
  }

  #take(data: unknown): void {
    const message = parsed(data);
    if (message !== null) {
      // Only a stream that speaks counts as a success: a proxy may accept and close at once.
      this.#tries = 0;
      this.#hasSpoken = true;
      this.#parts.onMessage(message);
    }
  }
}

const TYPES: ReadonlySet<string> = new Set(["hello", "ping", "room", "fraction", "job", "second look"]);

function parsed(data: unknown): StreamMessage | null {
  if (typeof data !== "string") {
    return null;
  }
  try {
    const value: unknown = JSON.parse(data);
    const type = (value as { type?: unknown } | null)?.type;
    return typeof type === "string" && TYPES.has(type) ? (value as StreamMessage) : null;
  } catch {
    return null;
  }
}

/** Address of the stream on the host that the page came from. */
export function streamAddress(place: { protocol: string; host: string }): string {
  return `${place.protocol === "https:" ? "wss:" : "ws:"}//${place.host}/api/events`;
}
