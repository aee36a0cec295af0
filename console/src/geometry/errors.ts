/** A matrix, position or angle that must not be used; the message is one sentence that says what to do. */
export class GeometryError extends Error {
  override readonly name = "GeometryError";
}
