/** The engine of the planes, and what is loaded into it: images first, then what is drawn over them. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type {
  FrameReport,
  ImageSlot,
  IsolineRequest,
  PlaneIsolines,
  Unsubscribe,
  VolumeSource,
} from "../../engine/engine";
import { SliceEngine } from "../../engine/engine";
import type { Orientation, Plane } from "../../geometry/planes";
import { doseLevels } from "../../overlay/structures";
import { isSamePose } from "../../state/pose";
import type { AlignSession } from "./alignSession";
import { headerOf, readStructures, type VolumeDocument } from "./documents";
import type { Ground } from "./ultrasound";

/** How far an image is. */
export type Loading =
  | { readonly kind: "loading"; readonly loadedBytes: number; readonly totalBytes: number }
  | { readonly kind: "there" }
  | { readonly kind: "failed"; readonly sentence: string };

const FRAME = "isoguide frame";
const LONGEST_FRAME_MS = 1000;

/** Identifier of the dose among the scalar volumes. */
export const DOSE = "dose";

/** Identifier of a structure among the scalar volumes. */
export const structureId = (number: number): string => `structure ${number}`;

/** The edges of what the sound reached, and of what lies in a shadow. */
export const EDGES = ["fan", "shadow"] as const;
export type Edge = (typeof EDGES)[number];

/** Identifier of an edge of an ultrasound image. */
export const edgeId = (slot: ImageSlot, edge: Edge): string => `${slot} ${edge}`;

/** The image that lies under the day's, and the day's image. */
const SLOTS: readonly ImageSlot[] = ["daily", "planning"];

/** An image as the service describes it. */
interface Shown {
  readonly volume: VolumeDocument;
  readonly fan: VolumeDocument | null;
  readonly shadow: VolumeDocument | null;
}

/** See the top of this file. */
export class Pictures {
  readonly loading: Readonly<Record<ImageSlot, Signal<Loading>>>;
  /** Scalar volumes that are there, and why others are not. */
  readonly scalars: Signal<ReadonlyMap<string, Loading>> = signal(new Map());
  readonly report: Signal<FrameReport | null> = signal(null);
  /** Why nothing is drawn any more; null while all is well. */
  readonly failure: Signal<string | null> = signal(null);
  /** Why there are no structures; null while they may come. */
  readonly noStructures: Signal<string | null> = signal(null);
  /** Further scalar volumes of which the line at zero is drawn. */
  readonly outlines: Signal<readonly string[]> = signal([]);
  /** Whether the screen shows both images in full, at the newest position. */
  readonly isSeen: ReadonlySignal<boolean>;
  /** Whether it shows them in every way as they are wanted: nothing has changed since the last frame. */
  readonly isNewest: ReadonlySignal<boolean>;
  readonly #session: AlignSession;
  readonly #engine: SliceEngine;
  #ground: Ground;
  #underlay: VolumeDocument | null;
  readonly #stops: Unsubscribe[];
  readonly #isolines = new Map<string, Signal<PlaneIsolines | null>>();
  /** How often each image was asked for: only the newest load says how far it is. */
  readonly #asked: Record<ImageSlot, number> = { planning: 0, daily: 0 };
  /** Something was changed that no frame has shown yet. */
  readonly #isBehind: Signal<boolean> = signal(false);
  /** Views that the engine draws. */
  readonly #views: Signal<ReadonlySet<Orientation>> = signal(new Set());
  #isGone = false;

  constructor(session: AlignSession) {
    this.#session = session;
    this.#engine = new SliceEngine();
    const nothing = (): Loading => ({ kind: "loading", loadedBytes: 0, totalBytes: 0 });
    this.#ground = session.ground.peek();
    this.#underlay = session.underlay.peek();
    this.loading = { planning: signal(nothing()), daily: signal(nothing()) };
    this.#stops = [
      this.#engine.onFrame((report) => {
        this.report.value = report;
        this.#isBehind.value = !report.settled;
        markFrame(report);
      }),
      this.#engine.onChange(() => {
        this.#isBehind.value = true;
      }),
      this.#engine.onIsolines((result) => {
        this.linesOn(result.viewId, result.scalarId).value = result;
      }),
      this.#engine.onError((error) => {
        this.failure.value = error.message;
      }),
    ];
    this.isSeen = computed(() => this.#seen());
    this.isNewest = computed(() => this.isSeen.value && !this.#isBehind.value);
  }

  #seen(): boolean {
    const report = this.report.value;
    const areThere =
      this.loading.planning.value.kind === "there" && this.loading.daily.value.kind === "there";
    return (
      areThere &&
      this.failure.value === null &&
      report?.settled === true &&
      report.planningFromDaily !== null &&
      isSamePose(report.planningFromDaily, this.#session.shownPose.value) &&
      report.images.planning === this.#shown("planning")?.volume.sha256 &&
      report.images.daily === this.#session.key.uid
    );
  }

  /** What is shown of an image; what lies under the day's image is chosen by the person. */
  #shown(slot: ImageSlot): Shown | null {
    const { planning, daily, ground } = this.#session;
    if (slot === "daily") {
      const { volume, ultrasound } = daily;
      return volume && { volume, fan: ultrasound?.fan ?? null, shadow: ultrasound?.shadow ?? null };
    }
    if (this.#session.underlay.value !== null) {
      return { volume: this.#session.underlay.value, fan: null, shadow: null };
    }
    if (ground.value === "ultrasound" && planning.ultrasound !== null) {
      return { volume: planning.ultrasound.volume, ...planning.ultrasound.masks };
    }
    return { volume: planning.volume, fan: null, shadow: null };
  }

  /** Load everything: the images, then the dose and the structures, one after another. */
  async loadAll(): Promise<void> {
    await aFrame();
    if (this.#isGone) {
      return;
    }
    await Promise.all([this.loadImage("planning"), this.loadImage("daily")]);
    await this.#loadEdges("daily", this.#session.daily.ultrasound);
    await this.#loadEdges("planning", this.#session.planning.ultrasound?.masks ?? null);
    await this.loadStructures();
    if (this.#session.planning.dose !== null) {
      await this.loadScalar(DOSE, this.#session.planning.dose.volume);
    }
  }

  /** Load the structures of the plan one after another, or load them again. */
  async loadStructures(): Promise<void> {
    this.noStructures.value = null;
    const { structures, key } = this.#session;
    try {
      structures.value = await readStructures(key.courseId);
    } catch (error) {
      this.noStructures.value = sentenceOf(error);
    }
    for (const structure of structures.peek()?.structures ?? []) {
      await this.loadScalar(structureId(structure.number), structure.distance);
    }
  }

  /** Load an image, or load it again. */
  async loadImage(slot: ImageSlot): Promise<void> {
    const shown = this.#shown(slot);
    if (shown === null || this.#isGone) {
      return;
    }
    const { volume, shadow } = shown;
    const loading = this.loading[slot];
    this.#asked[slot] += 1;
    const asked = this.#asked[slot];
    const say = (how: Loading) => {
      if (asked === this.#asked[slot]) {
        loading.value = how;
      }
    };
    say({ kind: "loading", loadedBytes: 0, totalBytes: volume.bytes });
    try {
      await this.#engine.load(slot, {
        ...sourceOf(slot === "planning" ? volume.sha256 : this.#session.key.uid, volume),
        ...this.#atHand(volume),
        ...(shadow === null ? {} : { shade: sourceOf("the shadows", shadow) }),
        onProgress: (loadedBytes, totalBytes) => say({ kind: "loading", loadedBytes, totalBytes }),
      });
      say({ kind: "there" });
    } catch (error) {
      say({ kind: "failed", sentence: sentenceOf(error) });
    }
  }

  /** A copy of the values that are at hand: an image that takes turns with another is there at once. */
  #atHand({ sha256 }: VolumeDocument): { values?: ArrayBuffer } {
    const values = this.#session.atHand.get(sha256);
    return values === undefined ? {} : { values: values.slice(0) };
  }

  /** Lay the day's image on what was chosen; read inside an effect, it follows. */
  followGround(): void {
    const [ground, underlay] = [this.#session.ground.value, this.#session.underlay.value];
    if (this.#ground !== ground || this.#underlay !== underlay) {
      this.#ground = ground;
      this.#underlay = underlay;
      void this.loadImage("planning");
    }
  }

  async #loadEdges(
    slot: ImageSlot,
    masks: Readonly<Record<Edge, VolumeDocument | null>> | null,
  ): Promise<void> {
    for (const edge of EDGES) {
      const mask = masks?.[edge] ?? null;
      if (mask !== null) {
        await this.loadScalar(edgeId(slot, edge), mask, slot);
      }
    }
  }

  /** Load a volume whose lines are drawn, in the coordinates of one of the images. */
  async loadScalar(id: string, document: VolumeDocument, frame: ImageSlot = "planning"): Promise<void> {
    if (this.#isGone) {
      return;
    }
    try {
      await this.#engine.loadScalar(sourceOf(id, document), frame);
      this.#setScalar(id, { kind: "there" });
    } catch (error) {
      this.#setScalar(id, { kind: "failed", sentence: sentenceOf(error) });
    }
  }

  #setScalar(id: string, loading: Loading): void {
    this.scalars.value = new Map(this.scalars.peek()).set(id, loading);
  }

  /** Draw a view into a canvas from now on. */
  addView(orientation: Orientation, canvas: HTMLCanvasElement, plane: Plane): void {
    this.#engine.addView(orientation, canvas, plane);
    this.#views.value = new Set(this.#views.peek()).add(orientation);
  }

  removeView(orientation: Orientation): void {
    if (!this.#isGone && this.#views.peek().has(orientation)) {
      this.#views.value = new Set([...this.#views.peek()].filter((one) => one !== orientation));
      this.#engine.removeView(orientation);
    }
  }

  setPlane(orientation: Orientation, plane: Plane): void {
    this.#engine.setPlane(orientation, plane);
  }

  /** Tell the engine the look, the pose and the region; read inside an effect, it follows. */
  follow(): void {
    const session = this.#session;
    this.#engine.setLook(session.look.look.value);
    this.#engine.setPose(session.shownPose.value);
  }

  /** Tell the engine where the similarity is measured. */
  followRegion(): void {
    const figures = this.#session.figures.value;
    const centre = figures?.region_centre_mm;
    const size = figures?.region_size_mm;
    if (!centre || !size) {
      this.#engine.setRegion(null);
      return;
    }
    const side = (sign: number) => (axis: 0 | 1 | 2) => centre[axis] + (sign * size[axis]) / 2;
    const [low, high] = [side(-1), side(1)];
    this.#engine.setRegion({ lowMm: [low(0), low(1), low(2)], highMm: [high(0), high(1), high(2)] });
  }

  /** The newest lines of a scalar volume on a view; null while there are none. */
  linesOn(viewId: string, scalarId: string): Signal<PlaneIsolines | null> {
    const name = `${viewId}/${scalarId}`;
    const known = this.#isolines.get(name);
    if (known !== undefined) {
      return known;
    }
    const lines: Signal<PlaneIsolines | null> = signal(null);
    this.#isolines.set(name, lines);
    return lines;
  }

  /** Ask for the lines that are drawn; read inside an effect, it follows. */
  followLines(): void {
    const requests = this.#wantedLines();
    for (const orientation of this.#views.value) {
      this.#engine.setIsolines(orientation, requests);
    }
    const wanted = new Set(requests.map(({ scalarId }) => scalarId));
    for (const [name, lines] of this.#isolines) {
      if (!wanted.has(name.slice(name.indexOf("/") + 1))) {
        lines.value = null;
      }
    }
  }

  /** The edges of what is shown. */
  #wantedEdges(): readonly string[] {
    if (!this.#session.layers.fan.value) {
      return [];
    }
    return SLOTS.flatMap((slot) =>
      EDGES.filter((edge) => this.#shown(slot)?.[edge]).map((edge) => edgeId(slot, edge)),
    );
  }

  #wantedLines(): readonly IsolineRequest[] {
    const { planning, layers, hidden } = this.#session;
    const there = (id: string) => this.scalars.value.get(id)?.kind === "there";
    const structures = (this.#session.structures.value?.structures ?? [])
      .filter(
        ({ number }) => layers.structures.value && !hidden.value.has(number) && there(structureId(number)),
      )
      .map(({ number }) => structureId(number));
    const further = this.outlines.value.filter(there);
    const outlines = [...this.#wantedEdges().filter(there), ...structures, ...further].map((scalarId) => ({
      scalarId,
      levels: [0],
    }));
    if (planning.dose === null || !layers.isodoses.value || !there(DOSE)) {
      return outlines;
    }
    const levels = doseLevels(planning.dose).map(({ level }) => level);
    return [...outlines, { scalarId: DOSE, levels }];
  }

  /** HU of both images at the crosshair. */
  probe(): ReturnType<SliceEngine["probe"]> {
    return this.#engine.probe(this.#session.crosshairMm.peek());
  }

  /** End the workers and give the memory back. */
  dispose(): void {
    this.#isGone = true;
    for (const stop of this.#stops) {
      stop();
    }
    this.#engine.dispose();
  }
}

/**
 * Wait until the page was laid out: only views that were measured show an image while it arrives, and reading
 * leaves the page little time for that. A page that is hidden is never laid out, and is not waited for.
 */
function aFrame(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, LONGEST_FRAME_MS);
    requestAnimationFrame(() =>
      setTimeout(() => {
        clearTimeout(timer);
        resolve();
      }, 0),
    );
  });
}

/** For whoever measures the page from outside: a frame among the browser's own measures, and not kept there. */
function markFrame(report: FrameReport): void {
  const end = performance.now();
  performance.measure(FRAME, { start: end - report.latencyMs, end, detail: report });
  performance.clearMeasures(FRAME);
}

function sourceOf(id: string, document: VolumeDocument): VolumeSource {
  return { id, header: headerOf(document), values: document.address };
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
