/** Which isolines have to be cut again: the newest plane and pose win, a few at a time. */

import type { Plane } from "../geometry/planes";
import type { Matrix4 } from "../geometry/rigid";
import type { ImageSlot, IsolineRequest } from "./contract";

/** Lines to cut now. */
export interface IsolineJob {
  readonly job: number;
  readonly viewId: string;
  readonly request: IsolineRequest;
  readonly plane: Plane;
  readonly planningFromDaily: Matrix4 | null;
}

interface View {
  readonly plane: Plane;
  readonly requests: readonly IsolineRequest[];
}

function lineKey(viewId: string, scalarId: string): string {
  return JSON.stringify([viewId, scalarId]);
}

/** Knows what was cut for what, and what is wanted now. */
export class IsolineQueue {
  readonly #views = new Map<string, View>();
  readonly #frames = new Map<string, ImageSlot>();
  readonly #cut = new Map<string, string>();
  readonly #running = new Map<number, IsolineJob>();
  readonly #mostAtOnce: number;
  #planningFromDaily: Matrix4 | null = null;
  #job = 0;

  constructor(mostAtOnce: number) {
    this.#mostAtOnce = mostAtOnce;
  }

  setPlane(viewId: string, plane: Plane): void {
    this.#views.set(viewId, { plane, requests: this.#views.get(viewId)?.requests ?? [] });
  }

  /** What a view shows from now on, each volume once; lines that it showed already are not cut again. */
  setRequests(viewId: string, requests: readonly IsolineRequest[]): void {
    const view = this.#views.get(viewId);
    if (view !== undefined) {
      this.#views.set(viewId, { plane: view.plane, requests });
      const kept = requests.map((request) => lineKey(viewId, request.scalarId));
      this.#forget(([view], key) => view === viewId && !kept.includes(key));
    }
  }

  removeView(viewId: string): void {
    this.setRequests(viewId, []);
    this.#views.delete(viewId);
  }

  setPose(planningFromDaily: Matrix4 | null): void {
    this.#planningFromDaily = planningFromDaily;
  }

  /** A scalar volume is loaded; one that had its name before was removed. */
  addScalar(scalarId: string, frame: ImageSlot): void {
    this.#frames.set(scalarId, frame);
  }

  removeScalar(scalarId: string): void {
    this.#frames.delete(scalarId);
    this.#forget(([, scalar]) => scalar === scalarId);
  }

  #forget(matches: (names: readonly string[], key: string) => boolean): void {
    for (const key of [...this.#cut.keys()]) {
      if (matches(JSON.parse(key) as readonly string[], key)) {
        this.#cut.delete(key);
      }
    }
  }

  /** The next lines to cut; null if all are cut or enough are being cut. */
  next(): IsolineJob | null {
    if (this.#running.size >= this.#mostAtOnce) {
      return null;
    }
    for (const [viewId, { plane, requests }] of this.#views) {
      for (const request of requests) {
        const wanted = this.#wanted(plane, request);
        const key = lineKey(viewId, request.scalarId);
        if (wanted !== null && this.#cut.get(key) !== wanted && !this.#isRunning(key)) {
          this.#cut.set(key, wanted);
          this.#job += 1;
          const job = { job: this.#job, viewId, request, plane, planningFromDaily: this.#planningFromDaily };
          this.#running.set(job.job, job);
          return job;
        }
      }
    }
    return null;
  }

  /** What lines depend on; null while their volume is not loaded. */
  #wanted(plane: Plane, request: IsolineRequest): string | null {
    const frame = this.#frames.get(request.scalarId);
    if (frame === undefined) {
      return null;
    }
    return JSON.stringify([plane, request.levels, frame === "daily" ? this.#planningFromDaily : null]);
  }

  #isRunning(key: string): boolean {
    return [...this.#running.values()].some((job) => lineKey(job.viewId, job.request.scalarId) === key);
  }

  /** Lines are cut. Returns their job unless nobody wants them any more. */
  done(job: number): IsolineJob | null {
    const finished = this.#running.get(job);
    this.#running.delete(job);
    if (finished === undefined) {
      return null;
    }
    const { viewId, request } = finished;
    const stillWanted =
      this.#cut.has(lineKey(viewId, request.scalarId)) &&
      (this.#views.get(viewId)?.requests.some((other) => other.scalarId === request.scalarId) ?? false);
    return stillWanted ? finished : null;
  }
}
