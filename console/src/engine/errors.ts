/** Why pictures cannot be drawn; the message is one sentence that says what to do. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}
