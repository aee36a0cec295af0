/** Lines of equal value of a scalar volume on a plane: marching squares whose pieces are joined. */

import { intoScreen, type Plane } from "../geometry/planes";
import { apply, fromParts, type Matrix4 } from "../geometry/rigid";
import { add, dot, norm, scale, subtract, type Vec3 } from "../geometry/vector";
import type { Isoline, Polyline } from "./contract";
import type { SampleGrid } from "./grid";
import { resliceInto } from "./reslice";
import { indexFromPlanningMm, NOT_IMAGED, type Volume, type VolumeHeader } from "./volume";

/** Sample points no closer than this many pixels: a line is drawn 1.5 px wide. */
const SAMPLE_EVERY_PX = 1.5;

/** Sample points no closer than this share of the smallest voxel edge, which has no more detail to show. */
const SAMPLE_EVERY_VOXEL = 0.5;

/** Every corner of a cell whose value is at least the level sets its bit: 1 upper left, 2 upper right, 4 lower right, 8 lower left. */
const SEGMENTS: readonly (readonly (readonly [Edge, Edge])[])[] = [
  [],
  [["left", "top"]],
  [["top", "right"]],
  [["left", "right"]],
  [["right", "bottom"]],
  [
    ["left", "top"],
    ["right", "bottom"],
  ],
  [["top", "bottom"]],
  [["left", "bottom"]],
  [["left", "bottom"]],
  [["top", "bottom"]],
  [
    ["top", "right"],
    ["left", "bottom"],
  ],
  [["right", "bottom"]],
  [["left", "right"]],
  [["top", "right"]],
  [["left", "top"]],
  [],
];
type Edge = "left" | "top" | "right" | "bottom";

/** Cut a plane through a scalar volume and return the lines of each level, in mm from the middle of the picture. */
export function isolinesOn(
  plane: Plane,
  volume: Volume,
  planningFromImage: Matrix4,
  levels: readonly number[],
): readonly Isoline[] {
  const grid = gridAround(plane, volume.header, planningFromImage);
  if (grid === null) {
    return levels.map((level) => ({ level, lines: [] }));
  }
  const values = new Int16Array(grid.columns * grid.rows);
  const indexFromMm = indexFromPlanningMm(volume.header, planningFromImage);
  resliceInto(values, volume, indexFromMm, grid, { firstRow: 0, endRow: grid.rows });
  const offsetMm = subtract(grid.firstMm, plane.centreMm);
  const place: Placement = {
    leftMm: dot(offsetMm, plane.right),
    topMm: dot(offsetMm, plane.down),
    stepMm: norm(grid.stepRightMm),
  };
  return levels.map((level) => ({ level, lines: marchingSquares(values, grid, level, place) }));
}

/** The part of the picture that the volume crosses; null if it does not cross it. */
function gridAround(plane: Plane, header: VolumeHeader, planningFromImage: Matrix4): SampleGrid | null {
  const cornersMm = boxCornersMm(header).map((corner) =>
    subtract(apply(planningFromImage, corner), plane.centreMm),
  );
  const into = intoScreen(plane);
  const depths = cornersMm.map((corner) => dot(corner, into));
  if (Math.min(...depths) > 0 || Math.max(...depths) < 0) {
    return null;
  }
  const stepMm = Math.max(
    SAMPLE_EVERY_PX * plane.mmPerPx,
    SAMPLE_EVERY_VOXEL * Math.min(...header.spacingMm),
  );
  const across = span(
    cornersMm.map((corner) => dot(corner, plane.right)),
    (plane.widthPx / 2) * plane.mmPerPx,
    stepMm,
  );
  const along = span(
    cornersMm.map((corner) => dot(corner, plane.down)),
    (plane.heightPx / 2) * plane.mmPerPx,
    stepMm,
  );
  if (across.points < 2 || along.points < 2) {
    return null;
  }
  return {
    firstMm: add(plane.centreMm, add(scale(plane.right, across.lowMm), scale(plane.down, along.lowMm))),
    stepRightMm: scale(plane.right, stepMm),
    stepDownMm: scale(plane.down, stepMm),
    columns: across.points,
    rows: along.points,
  };
}

/** Outer corners of a volume in its own frame, half a voxel beyond the outer centres. */
function boxCornersMm(header: VolumeHeader): readonly Vec3[] {
  const imageFromAxes = fromParts(header.direction, header.originMm);
  const corner = (index: number, axis: 0 | 1 | 2) =>
    ((index >> axis) & 1 ? header.sizeIjk[axis] - 0.5 : -0.5) * header.spacingMm[axis];
  return [0, 1, 2, 3, 4, 5, 6, 7].map((index) =>
    apply(imageFromAxes, [corner(index, 0), corner(index, 1), corner(index, 2)]),
  );
}

/** Points that cover what is both in the picture and in the volume. */
function span(
  offsetsMm: readonly number[],
  halfPictureMm: number,
  stepMm: number,
): { readonly lowMm: number; readonly points: number } {
  const lowMm = Math.max(Math.min(...offsetsMm), -halfPictureMm);
  const highMm = Math.min(Math.max(...offsetsMm), halfPictureMm);
  return { lowMm, points: Math.max(0, Math.ceil((highMm - lowMm) / stepMm) + 1) };
}

/** Where the first point of a grid lies, from the middle of the picture. */
export interface Placement {
  readonly leftMm: number;
  readonly topMm: number;
  readonly stepMm: number;
}

/** The lines between values of at least `level` and values below it; cells with a corner that is not imaged have none. */
export function marchingSquares(
  values: Int16Array,
  size: { readonly columns: number; readonly rows: number },
  level: number,
  place: Placement,
): readonly Polyline[] {
  const { columns, rows } = size;
  const links = new EdgeLinks(columns, rows);
  for (let row = 0; row + 1 < rows; row += 1) {
    for (let column = 0; column + 1 < columns; column += 1) {
      const at = row * columns + column;
      const corners = [
        values[at]!,
        values[at + 1]!,
        values[at + columns + 1]!,
        values[at + columns]!,
      ] as const;
      for (const [from, to] of SEGMENTS[cellCase(corners, level)]!) {
        links.join(links.edge(column, row, from), links.edge(column, row, to));
      }
    }
  }
  return links
    .traced()
    .map(({ edges, closed }) => ({ closed, xyMm: positions(edges, values, columns, level, place) }));
}

function cellCase(corners: readonly [number, number, number, number], level: number): number {
  let bits = 0;
  let sum = 0;
  for (let corner = 0; corner < 4; corner += 1) {
    const value = corners[corner]!;
    if (value === NOT_IMAGED) {
      return 0;
    }
    bits |= value >= level ? 1 << corner : 0;
    sum += value;
  }
  // Two opposite corners: the mean of the cell says whether they are connected, which is the other saddle's cut.
  if ((bits === 5 || bits === 10) && sum / 4 >= level) {
    return 15 - bits;
  }
  return bits;
}

function positions(
  edges: readonly number[],
  values: Int16Array,
  columns: number,
  level: number,
  place: Placement,
): Float32Array {
  const xyMm = new Float32Array(2 * edges.length);
  for (const [index, edge] of edges.entries()) {
    const at = edge >> 1;
    const down = (edge & 1) === 1;
    const from = values[at]!;
    const share = (level - from) / (values[at + (down ? columns : 1)]! - from);
    xyMm[2 * index] = place.leftMm + ((at % columns) + (down ? 0 : share)) * place.stepMm;
    xyMm[2 * index + 1] = place.topMm + (Math.floor(at / columns) + (down ? share : 0)) * place.stepMm;
  }
  return xyMm;
}

/** Which crossed edges of the grid follow one another; an edge has at most one segment in each of its two cells. */
class EdgeLinks {
  readonly #columns: number;
  readonly #neighbours: Int32Array;
  readonly #crossed: number[] = [];

  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.#neighbours = new Int32Array(4 * columns * rows).fill(-1);
  }

  /** Edges are numbered by their upper or left point: even to its right, odd downwards. */
  edge(column: number, row: number, side: Edge): number {
    const at = row * this.#columns + column;
    switch (side) {
      case "top":
        return 2 * at;
      case "bottom":
        return 2 * (at + this.#columns);
      case "left":
        return 2 * at + 1;
      default:
        return 2 * (at + 1) + 1;
    }
  }

  join(a: number, b: number): void {
    this.#link(a, b);
    this.#link(b, a);
  }

  #link(edge: number, other: number): void {
    const slot = 2 * edge;
    if (this.#neighbours[slot] === -1) {
      this.#neighbours[slot] = other;
      this.#crossed.push(edge);
    } else {
      this.#neighbours[slot + 1] = other;
    }
  }

  /** All chains: the open ones from their ends, then the rings. A ring does not repeat its first edge. */
  traced(): readonly { readonly edges: readonly number[]; readonly closed: boolean }[] {
    const seen = new Set<number>();
    const ends = this.#crossed.filter((edge) => this.#neighbours[2 * edge + 1] === -1);
    const chains = [];
    for (const [starts, closed] of [
      [ends, false],
      [this.#crossed, true],
    ] as const) {
      for (const start of starts) {
        if (!seen.has(start)) {
          chains.push({ edges: this.#chain(start, seen), closed });
        }
      }
    }
    return chains;
  }

  #chain(start: number, seen: Set<number>): readonly number[] {
    const edges: number[] = [];
    let edge: number | undefined = start;
    while (edge !== undefined) {
      seen.add(edge);
      edges.push(edge);
      const next: readonly number[] = [this.#neighbours[2 * edge]!, this.#neighbours[2 * edge + 1]!];
      edge = next.find((other) => other !== -1 && !seen.has(other));
    }
    return edges;
  }
}
