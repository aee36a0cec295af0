/** Hands messages to the renderer and the painter of a worker, and their answers back. */

import type { BandDone, FrameOrder, FromWorker, JoinMessage, ToWorker } from "./messages";
import { Painter } from "./painter";
import { Renderer } from "./renderer";

/** How a worker answers the page. */
export type Post = (message: FromWorker, transfer: Transferable[]) => void;

/** A worker but for its thread. */
export class WorkerHost {
  readonly #post: Post;
  #renderer = new Renderer(0, 1);
  #painter: Painter | null = null;
  #toPainter: MessagePort | null = null;

  constructor(post: Post) {
    this.#post = post;
  }

  /** Do what a message says; what goes wrong is told to the page, which then shows nothing any more. */
  handle(message: ToWorker): void {
    this.#guard(() => this.#dispatch(message));
  }

  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#post({ kind: "failed", message: reason }, []);
    }
  }

  #dispatch(message: ToWorker): void {
    switch (message.kind) {
      case "join":
        this.#join(message);
        break;
      case "volume":
        this.#renderer.setVolume(message);
        break;
      case "slices":
        this.#renderer.setLoadedSlices(message.key, message.loadedSlices);
        break;
      case "drop":
        this.#renderer.dropVolume(message.key);
        break;
      case "canvas":
        this.#painter?.addCanvas(message.viewId, message.canvas);
        break;
      case "removeView":
        this.#painter?.removeCanvas(message.viewId);
        this.#renderer.removeView(message.viewId);
        break;
      default:
        this.#answer(message);
    }
  }

  #answer(message: Extract<ToWorker, { kind: "frame" | "isolines" | "probe" }>): void {
    if (message.kind === "frame") {
      this.#draw(message);
    } else if (message.kind === "isolines") {
      const isolines = this.#renderer.isolines(message);
      const buffers = isolines.flatMap((isoline) =>
        isoline.lines.map((line) => line.xyMm.buffer as ArrayBuffer),
      );
      this.#post({ kind: "isolinesDone", job: message.job, isolines }, buffers);
    } else {
      this.#post({ kind: "probeDone", job: message.job, probe: this.#renderer.probe(message) }, []);
    }
  }

  #join(message: JoinMessage): void {
    this.#renderer = new Renderer(message.worker, message.workers);
    if (message.worker > 0) {
      this.#toPainter = message.ports[0] ?? null;
      return;
    }
    const painter = new Painter(message.workers - 1, (painted) =>
      this.#post(
        painted,
        painted.pictures.map((picture) => picture.pixels),
      ),
    );
    for (const port of message.ports) {
      port.onmessage = (event: MessageEvent<BandDone>) => this.#guard(() => painter.otherDone(event.data));
    }
    this.#painter = painter;
  }

  #draw(order: FrameOrder): void {
    const startMs = performance.now();
    const band = this.#renderer.draw(order);
    const computeMs = performance.now() - startMs;
    if (this.#painter !== null) {
      this.#painter.ownDone(order.frame, band, computeMs);
    } else {
      this.#toPainter?.postMessage({ kind: "bandDone", frame: order.frame, sums: band.sums, computeMs });
    }
  }
}
