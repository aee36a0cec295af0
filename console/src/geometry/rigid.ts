/**
 * Rigid transforms as homogeneous 4×4 matrices in mm for column vectors, row by row.
 *
 * A transform is called `<to>From<From>`, so that `aFromC = compose(aFromB, bFromC)` reads like a chain.
 */

import { GeometryError } from "./errors";
import type { Vec3 } from "./vector";

/** 4×4, row by row. */
export type Matrix4 = readonly [
  ...[number, number, number, number],
  ...[number, number, number, number],
  ...[number, number, number, number],
  ...[number, number, number, number],
];

/** 3×3, row by row. */
export type Matrix3 = readonly [
  ...[number, number, number],
  ...[number, number, number],
  ...[number, number, number],
];

/** Largest element of RᵀR - 1 still taken for a rotation; a matrix rounded to five decimals stays below it. */
const RIGID_TOLERANCE = 1e-4;

/** The transform between two frames whose axes and origins coincide. */
export const IDENTITY: Matrix4 = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

/** Right-handed active rotation about +x: 90° takes y to z. */
export function rotationX(angleDeg: number): Matrix3 {
  const [c, s] = cosSin(angleDeg);
  return [1, 0, 0, 0, c, -s, 0, s, c];
}

/** Right-handed active rotation about +y: 90° takes z to x. */
export function rotationY(angleDeg: number): Matrix3 {
  const [c, s] = cosSin(angleDeg);
  return [c, 0, s, 0, 1, 0, -s, 0, c];
}

/** Right-handed active rotation about +z: 90° takes x to y. */
export function rotationZ(angleDeg: number): Matrix3 {
  const [c, s] = cosSin(angleDeg);
  return [c, -s, 0, s, c, 0, 0, 0, 1];
}

/** Right-handed active rotation about any unit vector (Rodrigues' formula). */
export function rotationAbout(axis: Vec3, angleDeg: number): Matrix3 {
  const [c, s] = cosSin(angleDeg);
  const [x, y, z] = axis;
  const d = 1 - c;
  return [
    c + d * x * x,
    d * x * y - s * z,
    d * x * z + s * y,
    d * y * x + s * z,
    c + d * y * y,
    d * y * z - s * x,
    d * z * x - s * y,
    d * z * y + s * x,
    c + d * z * z,
  ];
}

function cosSin(angleDeg: number): readonly [number, number] {
  const angleRad = (angleDeg * Math.PI) / 180;
  return [Math.cos(angleRad), Math.sin(angleRad)];
}

/** Product of two 3×3 matrices. */
export function multiply3(a: Matrix3, b: Matrix3): Matrix3 {
  const at = (row: number, column: number) =>
    a[3 * row]! * b[column]! + a[3 * row + 1]! * b[3 + column]! + a[3 * row + 2]! * b[6 + column]!;
  return [at(0, 0), at(0, 1), at(0, 2), at(1, 0), at(1, 1), at(1, 2), at(2, 0), at(2, 1), at(2, 2)];
}

/** Mirror at the diagonal: the inverse of a rotation. */
export function transpose3(a: Matrix3): Matrix3 {
  return [a[0], a[3], a[6], a[1], a[4], a[7], a[2], a[5], a[8]];
}

/** A 3×3 matrix times a vector. */
export function rotate(a: Matrix3, v: Vec3): Vec3 {
  return [
    a[0] * v[0] + a[1] * v[1] + a[2] * v[2],
    a[3] * v[0] + a[4] * v[1] + a[5] * v[2],
    a[6] * v[0] + a[7] * v[1] + a[8] * v[2],
  ];
}

/** Build a transform from its rotation and its translation in mm. */
export function fromParts(rotation: Matrix3, translationMm: Vec3): Matrix4 {
  const r = rotation;
  const t = translationMm;
  return [r[0], r[1], r[2], t[0], r[3], r[4], r[5], t[1], r[6], r[7], r[8], t[2], 0, 0, 0, 1];
}

/** The rotation part. */
export function rotationOf(m: Matrix4): Matrix3 {
  return [m[0], m[1], m[2], m[4], m[5], m[6], m[8], m[9], m[10]];
}

/** The translation part in mm. */
export function translationMmOf(m: Matrix4): Vec3 {
  return [m[3], m[7], m[11]];
}

/** `aFromC` of `aFromB` and `bFromC`. */
export function compose(aFromB: Matrix4, bFromC: Matrix4): Matrix4 {
  const rotation = multiply3(rotationOf(aFromB), rotationOf(bFromC));
  return fromParts(rotation, apply(aFromB, translationMmOf(bFromC)));
}

/** The transform in the other direction. */
export function inverse(aFromB: Matrix4): Matrix4 {
  const rotation = transpose3(rotationOf(aFromB));
  const [x, y, z] = rotate(rotation, translationMmOf(aFromB));
  return fromParts(rotation, [0 - x, 0 - y, 0 - z]);
}

/** Map a position in mm. */
export function apply(aFromB: Matrix4, xyzMm: Vec3): Vec3 {
  const m = aFromB;
  const [x, y, z] = xyzMm;
  return [
    m[0] * x + m[1] * y + m[2] * z + m[3],
    m[4] * x + m[5] * y + m[6] * z + m[7],
    m[8] * x + m[9] * y + m[10] * z + m[11],
  ];
}

/** The transform that only shifts. */
export function translation(offsetMm: Vec3): Matrix4 {
  return fromParts([1, 0, 0, 0, 1, 0, 0, 0, 1], offsetMm);
}

/** The motion that turns about a point: the point stays where it is. */
export function rotationAboutPoint(rotation: Matrix3, pointMm: Vec3): Matrix4 {
  const [x, y, z] = rotate(rotation, pointMm);
  return fromParts(rotation, [pointMm[0] - x, pointMm[1] - y, pointMm[2] - z]);
}

/**
 * Take sixteen numbers, row by row, for a rigid transform.
 *
 * @throws {@link GeometryError} unless they are finite and a rigid motion: no scale, no shear, no mirror.
 */
export function rigidTransform(name: string, values: readonly number[]): Matrix4 {
  if (values.length !== 16 || !values.every(Number.isFinite)) {
    throw new GeometryError(
      `the matrix '${name}' is not sixteen finite numbers; ask the service for it again`,
    );
  }
  const m = [...values] as unknown as Matrix4;
  const rotation = rotationOf(m);
  const product = multiply3(transpose3(rotation), rotation);
  const deviation = Math.max(...product.map((value, index) => Math.abs(value - (index % 4 === 0 ? 1 : 0))));
  const lastRow = m[12] === 0 && m[13] === 0 && m[14] === 0 && m[15] === 1;
  if (deviation >= RIGID_TOLERANCE || determinant(rotation) < 0 || !lastRow) {
    throw new GeometryError(
      `the matrix '${name}' is not a rigid motion (off by ${deviation.toPrecision(2)}, determinant ` +
        `${determinant(rotation).toFixed(3)}); ask the service for it again`,
    );
  }
  return m;
}

function determinant(a: Matrix3): number {
  return (
    a[0] * (a[4] * a[8] - a[5] * a[7]) -
    a[1] * (a[3] * a[8] - a[5] * a[6]) +
    a[2] * (a[3] * a[7] - a[4] * a[6])
  );
}
