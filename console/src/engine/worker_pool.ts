/** The workers of an engine: as many as memory can be shared among. */

import { EngineError } from "./errors";
import type { FromWorker, ToWorker } from "./messages";

/** What the pool uses of a worker. */
export interface WorkerLike {
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: ToWorker, transfer: Transferable[]): void;
  terminate(): void;
}

/** What the engine wants to hear. */
export interface PoolEvents {
  readonly onMessage: (message: FromWorker) => void;
  readonly onError: (error: EngineError) => void;
}

const FEWEST_WORKERS = 2;
const MOST_WORKERS = 4;

/** True on a page that may share memory with its workers. */
export function canShareMemory(): boolean {
  return globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === "function";
}

function workerCount(wanted: number | undefined): number {
  if (!canShareMemory()) {
    return 1;
  }
  // The page itself keeps one core.
  const free = (globalThis.navigator?.hardwareConcurrency ?? FEWEST_WORKERS) - 1;
  return wanted ?? Math.min(MOST_WORKERS, Math.max(FEWEST_WORKERS, free));
}

/** Starts the workers, introduces them to each other and ends them. */
export class WorkerPool {
  readonly sharesMemory: boolean;
  readonly #workers: readonly WorkerLike[];

  constructor(create: () => WorkerLike, wanted: number | undefined, events: PoolEvents) {
    const count = workerCount(wanted);
    this.sharesMemory = canShareMemory();
    this.#workers = Array.from({ length: count }, create);
    for (const worker of this.#workers) {
      worker.onmessage = (event) => events.onMessage(event.data);
      worker.onerror = (event) => events.onError(broken(event));
    }
    this.#introduce();
  }

  get size(): number {
    return this.#workers.length;
  }

  /** Worker 0 hears from each of the others when its rows are drawn. */
  #introduce(): void {
    const workers = this.size;
    const channels = this.#workers.slice(1).map(() => new MessageChannel());
    const painterPorts = channels.map((channel) => channel.port1);
    this.sendTo(0, { kind: "join", worker: 0, workers, ports: painterPorts }, painterPorts);
    for (const [index, { port2 }] of channels.entries()) {
      this.sendTo(index + 1, { kind: "join", worker: index + 1, workers, ports: [port2] }, [port2]);
    }
  }

  /** Tell all workers; what is transferred can go to one only. */
  send(message: ToWorker, transfer: Transferable[] = []): void {
    for (const worker of this.#workers) {
      worker.postMessage(message, transfer);
    }
  }

  sendTo(index: number, message: ToWorker, transfer: Transferable[] = []): void {
    this.#workers[index]?.postMessage(message, transfer);
  }

  end(): void {
    for (const worker of this.#workers) {
      worker.onmessage = null;
      worker.onerror = null;
      worker.terminate();
    }
  }
}

function broken(event: ErrorEvent): EngineError {
  const reason = event.message === "" ? "it could not be started" : event.message;
  return new EngineError(`a drawing thread of the page failed (${reason}); reload the page`);
}
