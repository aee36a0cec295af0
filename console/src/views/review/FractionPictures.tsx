import { useSignal } from "@preact/signals";
import { pictureAddress } from "../../api/calls";
import type { Fraction, ImageLine } from "../../api/documents";
import { CheckField } from "../../components/Fields";
import { dayAndTime } from "../../components/format";
import { Panel } from "../../components/Panel";

const PLANES = ["axial", "coronal", "sagittal"] as const;

/** One picture; a picture that does not come says so in its place. */
function Picture(props: { address: string; words: string }) {
  const failed = useSignal("");
  return (
    <figure class="picture">
      {failed.value === props.address ? (
        <p class="dim">The picture is not available.</p>
      ) : (
        <img
          src={props.address}
          alt={props.words}
          loading="lazy"
          onError={() => {
            failed.value = props.address;
          }}
        />
      )}
      <figcaption class="small dim">{props.words}</figcaption>
    </figure>
  );
}

function ImagePictures(props: { fraction: Fraction; image: ImageLine; isCorrected: boolean }) {
  const { fraction, image, isCorrected } = props;
  return (
    <div class="stack tight">
      <h3>
        {image.model}, {dayAndTime(image.acquired_at)}
      </h3>
      {image.is_kept ? (
        <div class="pictures">
          {PLANES.map((plane) => (
            <Picture
              key={plane}
              address={pictureAddress(fraction.course_id, fraction.number, image.uid, plane, isCorrected)}
              words={`${plane}, ${isCorrected ? "after" : "before"} the correction`}
            />
          ))}
        </div>
      ) : (
        <p class="dim">Its files are not in the image store, so there are no pictures.</p>
      )}
    </div>
  );
}

/** Pictures of each image of a fraction over the planning CT: for review, not for a decision. */
export function FractionPictures({ fraction }: { fraction: Fraction }) {
  const isCorrected = useSignal(true);
  return (
    <Panel
      title={`Pictures of fraction ${fraction.number}`}
      aside={
        <CheckField
          label="after the correction"
          isChecked={isCorrected.value}
          onChange={(isChecked) => {
            isCorrected.value = isChecked;
          }}
        />
      }
    >
      {fraction.images.length === 0 ? <p class="dim">No image was taken.</p> : null}
      {fraction.images.map((image) => (
        <ImagePictures key={image.uid} fraction={fraction} image={image} isCorrected={isCorrected.value} />
      ))}
      <p class="dim small">Pictures are for review; a decision rests on the images in Align.</p>
    </Panel>
  );
}
