import type { ImageSlot } from "../../engine/engine";
import type { Pictures } from "../../views/align/pictures";
import { Button } from "../Button";
import { fileSize } from "../format";
import { Notice } from "../Notice";

const WORDS: Readonly<Record<ImageSlot, string>> = {
  planning: "The planning image",
  daily: "The day's image",
};

/** How far the images of a view are, what failed, and the button that tries again. */
export function LoadingNote({ pictures }: { pictures: Pictures }) {
  const failure = pictures.failure.value;
  if (failure !== null) {
    return (
      <div class="view-note">
        <Notice tone="bad">Nothing can be drawn any more: {failure} Load the page again.</Notice>
      </div>
    );
  }
  return (
    <div class="view-note">
      {(["planning", "daily"] as const).map((slot) => (
        <ImageNote key={slot} slot={slot} pictures={pictures} />
      ))}
    </div>
  );
}

function ImageNote({ slot, pictures }: { slot: ImageSlot; pictures: Pictures }) {
  const loading = pictures.loading[slot].value;
  if (loading.kind === "there") {
    return null;
  }
  if (loading.kind === "failed") {
    return (
      <Notice tone="bad">
        {WORDS[slot]} was not loaded: {loading.sentence}{" "}
        <Button onClick={() => void pictures.loadImage(slot)}>Load again</Button>
      </Notice>
    );
  }
  const { loadedBytes, totalBytes } = loading;
  return (
    <p class="loading">
      {WORDS[slot]}: {fileSize(loadedBytes)} of {fileSize(totalBytes)}
      <progress max={totalBytes || 1} value={loadedBytes} aria-label={`${WORDS[slot]} is loaded`} />
    </p>
  );
}
