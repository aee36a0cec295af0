import type { AlignSession } from "../../views/align/alignSession";
import { GROUND_WORDS, matchedGround } from "../../views/align/ultrasound";

/** What the day's ultrasound lies on; nothing where there is no choice. */
export function GroundChoice({ session }: { session: AlignSession }) {
  if (session.grounds.length < 2) {
    return null;
  }
  const own = matchedGround(session.daily);
  return (
    <section class="tool-group" aria-label="Under the day's ultrasound">
      <fieldset class="modes">
        <legend>
          Under the day's ultrasound (<kbd>N</kbd>)
        </legend>
        {session.grounds.map((ground) => (
          <label key={ground} class={ground === session.ground.value ? "chosen" : ""}>
            <input
              type="radio"
              name="ground"
              checked={ground === session.ground.value}
              onChange={() => session.layOn(ground)}
            />
            <span>
              {GROUND_WORDS[ground]}
              {ground === own ? " (matched)" : ""}
            </span>
          </label>
        ))}
      </fieldset>
    </section>
  );
}
