/**
 * SliceEngine: draws planes of two registered volumes into canvases, in workers, and says what it has drawn.
 *
 * @example
 * ```ts
 * const engine = new SliceEngine();
 * const stop = engine.onFrame((report) => { shown.value = report; });
 * engine.onError((error) => { failure.value = error.message; });   // hide the pictures: they are stale
 * await engine.load("planning", { id: planningUid, header, values: "/api/images/1/values" });
 * await engine.load("daily", { id: dailyUid, header: dailyHeader, values: "/api/images/2/values" });
 * engine.setPose(planningFromDaily);                              // without a pose the daily image is not shown
 * engine.addView("axial", canvas, planeThrough("axial", isocentreMm, { mmPerPx: 1, widthPx: 512, heightPx: 512 }));
 * engine.setLook({ mode: "spyglass", focusMm: isocentreMm });
 * engine.setPose(shiftedOnScreen(planningFromDaily, plane, { rightMm: 1, downMm: 0, intoMm: 0 }));
 * await engine.loadScalar({ id: "PTV", header: ptvHeader, values }, "planning");
 * engine.setIsolines("axial", [{ scalarId: "PTV", levels: [0] }]);  // answers come through onIsolines
 * ```
 *
 * Rules a view can rely on:
 * - Planes and positions are planning LPS in mm; a pose is `planningFromDaily`.
 * - The newest state wins; superseded ones are dropped. At most one frame is being computed.
 * - While things change, views with more than 600 px along an edge are drawn on half the grid; 120 ms after the
 *   last change everything is drawn on the full grid. `FrameReport.settled` tells the two apart. The canvas's own
 *   size follows the grid, so its size on the page must come from CSS.
 * - A canvas belongs to the engine from `addView` on and can be given to one engine once.
 * - Where the wanted image has no value a pixel has the colour {@link NOT_IMAGED_RGB}; where only one of two mixed
 *   images has one, that image is shown as dimmed, hatched grey. While there is one image only, choose its own mode.
 * - Loading an image takes the old one of its slot off the screen at once. Slices show up as they arrive.
 * - Isolines arrive a little after the picture. Draw them only while `samePlane(result.plane, plane)` holds, with the
 *   plane and pose of the last frame: lines of another slice must not lie on this one.
 * - After an error of a worker nothing is drawn any more (`onError`); make a new engine.
 */

import type { Plane } from "../geometry/planes";
import type { Matrix4 } from "../geometry/rigid";
import type { Vec3 } from "../geometry/vector";
import type {
  FrameReport,
  ImageSlot,
  IsolineRequest,
  PlaneIsolines,
  Probe,
  RegionBox,
  SliceEngineApi,
  Unsubscribe,
  VolumeSource,
} from "./contract";
import { EngineError } from "./errors";
import { FrameDesk, type Image } from "./frame_desk";
import { IsolineQueue } from "./isoline_queue";
import { Listeners } from "./listeners";
import { allocate, type Memory, readValues, refuseIfAborted } from "./loading";
import type { Look } from "./look";
import type { FromWorker, Painted, ProbeDone } from "./messages";
import { shadeKey } from "./shade";
import { type WorkerLike, WorkerPool } from "./worker_pool";

export type * from "./contract";
export { EngineError } from "./errors";

/** While an image arrives, new slices are shown this often. */
const SHOW_SLICES_EVERY_MS = 150;

/** How an engine is set up; the defaults are right for a console. */
export interface SliceEngineOptions {
  /** At most this many; one where memory cannot be shared. By default one less than the cores, from 2 to 4. */
  readonly workers?: number;
  /** For tests: another way to make a worker. */
  readonly createWorker?: () => WorkerLike;
}

function newWorker(): WorkerLike {
  return new Worker(new URL("./view.worker.ts", import.meta.url), { type: "module" });
}

/** Draws planes of two registered volumes; see the top of this file. */
export class SliceEngine implements SliceEngineApi {
  readonly #pool: WorkerPool;
  readonly #desk: FrameDesk;
  readonly #lines: IsolineQueue;
  readonly #loads = new Map<string, AbortController>();
  readonly #probes = new Map<number, (probe: Probe) => void>();
  readonly #frames = new Listeners<FrameReport>();
  readonly #changes = new Listeners<void>();
  readonly #isolines = new Listeners<PlaneIsolines>();
  readonly #errors = new Listeners<EngineError>();
  #probe = 0;
  #pumpWaits = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  constructor(options: SliceEngineOptions = {}) {
    this.#pool = new WorkerPool(options.createWorker ?? newWorker, options.workers, {
      onMessage: (message) => this.#receive(message),
      onError: (error) => this.#fail(error),
    });
    this.#desk = new FrameDesk(this.#pool.size > 1);
    this.#lines = new IsolineQueue(this.#pool.size);
  }

  async load(slot: ImageSlot, source: VolumeSource): Promise<void> {
    this.unload(slot);
    const image = this.#desk.startImage(slot, source.id);
    try {
      if (source.shade !== undefined) {
        await this.#read(shadeKey(slot), source.shade, slot);
        this.#requireCurrent(slot, image, source.id);
      }
      await this.#read(slot, source, slot);
    } catch (error) {
      if (this.#desk.isCurrent(slot, image)) {
        this.unload(slot);
      }
      throw error;
    }
    this.#desk.finishImage(slot, image);
    this.#changed();
  }

  /** Another image may have taken the place while the shade came. */
  #requireCurrent(slot: ImageSlot, image: Image, id: string): void {
    if (!this.#desk.isCurrent(slot, image)) {
      throw new EngineError(`loading the image '${id}' was ended, because another one took its place`);
    }
  }

  unload(slot: ImageSlot): void {
    this.#drop(slot);
    this.#drop(shadeKey(slot));
    this.#desk.dropImage(slot);
    this.#changed();
  }

  async loadScalar(source: VolumeSource, frame: ImageSlot): Promise<void> {
    this.unloadScalar(source.id);
    await this.#read(scalarKey(source.id), source, frame);
    this.#lines.addScalar(source.id, frame);
    this.#pumpSoon();
  }

  unloadScalar(scalarId: string): void {
    this.#drop(scalarKey(scalarId));
    this.#lines.removeScalar(scalarId);
  }

  #drop(key: string): void {
    this.#loads.get(key)?.abort();
    this.#loads.delete(key);
    this.#pool.send({ kind: "drop", key });
  }

  /** Read a volume and give it to the workers; in shared memory they see it grow. */
  async #read(key: string, source: VolumeSource, frame: ImageSlot): Promise<void> {
    const memory = allocate(source, this.#pool.sharesMemory);
    const controller = new AbortController();
    this.#loads.set(key, controller);
    const grows = memory.shared && key === frame;
    if (grows) {
      this.#give(key, source, frame, memory, 0);
    }
    let shownMs = 0;
    try {
      await readValues(source, memory, controller.signal, (loadedSlices) => {
        const nowMs = performance.now();
        if (grows && nowMs - shownMs >= SHOW_SLICES_EVERY_MS) {
          shownMs = nowMs;
          this.#pool.send({ kind: "slices", key, loadedSlices });
          this.#changed();
        }
      });
    } finally {
      if (this.#loads.get(key) === controller) {
        this.#loads.delete(key);
      }
    }
    // Another image may have taken the place since the last value was read.
    refuseIfAborted(source, controller.signal);
    this.#give(key, source, frame, memory, source.header.sizeIjk[2]);
  }

  #give(key: string, source: VolumeSource, frame: ImageSlot, memory: Memory, loadedSlices: number): void {
    const transfer = memory.shared ? [] : [memory.buffer as ArrayBuffer];
    const { header } = source;
    this.#pool.send({ kind: "volume", key, header, values: memory.buffer, loadedSlices, frame }, transfer);
  }

  addView(viewId: string, canvas: HTMLCanvasElement, plane: Plane): void {
    const offscreen = this.#desk.addView(viewId, canvas, plane);
    if (offscreen !== null) {
      this.#pool.sendTo(0, { kind: "canvas", viewId, canvas: offscreen }, [offscreen]);
    }
    this.#lines.setPlane(viewId, plane);
    this.#changed();
  }

  removeView(viewId: string): void {
    this.#desk.removeView(viewId);
    this.#lines.removeView(viewId);
    this.#pool.send({ kind: "removeView", viewId });
    this.#changed();
  }

  setPlane(viewId: string, plane: Plane): void {
    this.#desk.setPlane(viewId, plane);
    this.#lines.setPlane(viewId, plane);
    this.#changed();
  }

  setPose(planningFromDaily: Matrix4 | null): void {
    this.#desk.setPose(planningFromDaily);
    this.#lines.setPose(planningFromDaily);
    this.#changed();
  }

  setLook(change: Partial<Look>, viewId?: string): void {
    this.#desk.setLook(change, viewId);
    this.#changed();
  }

  setRegion(box: RegionBox | null): void {
    this.#desk.setRegion(box);
    this.#changed();
  }

  setIsolines(viewId: string, requests: readonly IsolineRequest[]): void {
    this.#desk.requireView(viewId);
    this.#lines.setRequests(viewId, requests);
    this.#pumpSoon();
  }

  probe(xyzMm: Vec3): Promise<Probe> {
    this.#probe += 1;
    const job = this.#probe;
    const answer = new Promise<Probe>((resolve) => this.#probes.set(job, resolve));
    this.#pool.sendTo(0, { kind: "probe", job, xyzMm, planningFromDaily: this.#desk.planningFromDaily });
    return answer;
  }

  get settled(): boolean {
    return this.#desk.settled && !this.#ended;
  }

  onFrame(listener: (report: FrameReport) => void): Unsubscribe {
    return this.#frames.add(listener);
  }

  onChange(listener: () => void): Unsubscribe {
    return this.#changes.add(listener);
  }

  onIsolines(listener: (result: PlaneIsolines) => void): Unsubscribe {
    return this.#isolines.add(listener);
  }

  onError(listener: (error: EngineError) => void): Unsubscribe {
    return this.#errors.add(listener);
  }

  dispose(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    for (const controller of this.#loads.values()) {
      controller.abort();
    }
    this.#pool.end();
  }

  #changed(): void {
    this.#desk.changed(performance.now());
    this.#changes.tell();
    this.#pumpSoon();
  }

  /** Several changes of one task make one frame. */
  #pumpSoon(): void {
    if (!this.#pumpWaits) {
      this.#pumpWaits = true;
      queueMicrotask(() => {
        this.#pumpWaits = false;
        this.#pump();
      });
    }
  }

  #pump(): void {
    if (this.#ended) {
      return;
    }
    clearTimeout(this.#timer);
    const nowMs = performance.now();
    const order = this.#desk.nextOrder(nowMs);
    if (order !== null) {
      this.#pool.send(order);
    }
    const waitMs = this.#desk.waitMs(nowMs);
    if (waitMs !== null) {
      this.#timer = setTimeout(() => this.#pump(), waitMs);
    }
    for (let job = this.#lines.next(); job !== null; job = this.#lines.next()) {
      const { request, plane, planningFromDaily } = job;
      const { levels } = request;
      const key = scalarKey(request.scalarId);
      // The painter has the most to do, so the last worker comes first.
      const worker = this.#pool.size - 1 - (job.job % this.#pool.size);
      this.#pool.sendTo(worker, { kind: "isolines", job: job.job, key, plane, planningFromDaily, levels });
    }
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case "painted":
        this.#painted(message);
        break;
      case "isolinesDone":
        this.#linesDone(message.job, message.isolines);
        break;
      case "probeDone":
        this.#probed(message);
        break;
      default:
        this.#fail(new EngineError(message.message));
    }
  }

  #painted(message: Painted): void {
    const report = this.#shown(message);
    if (report !== null) {
      this.#frames.tell(report);
    }
    this.#pump();
  }

  #shown(message: Painted): FrameReport | null {
    try {
      return this.#desk.painted(message, performance.now());
    } catch (error) {
      this.#fail(error instanceof EngineError ? error : new EngineError(String(error)));
      return null;
    }
  }

  #linesDone(job: number, isolines: PlaneIsolines["isolines"]): void {
    const done = this.#lines.done(job);
    if (done !== null) {
      const { viewId, request, plane, planningFromDaily } = done;
      this.#isolines.tell({ viewId, scalarId: request.scalarId, plane, planningFromDaily, isolines });
    }
    this.#pump();
  }

  #probed(message: ProbeDone): void {
    this.#probes.get(message.job)?.(message.probe);
    this.#probes.delete(message.job);
  }

  #fail(error: EngineError): void {
    if (!this.#ended) {
      this.dispose();
      this.#errors.tell(error);
    }
  }
}

function scalarKey(scalarId: string): string {
  return `scalar:${scalarId}`;
}
