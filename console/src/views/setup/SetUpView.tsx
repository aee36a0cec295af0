import type { Course, Fraction } from "../../api/documents";
import { asSentence } from "../../api/problem";
import { accessoryWords } from "../../components/accessories";
import { FractionHead } from "../../components/FractionHead";
import { Notice } from "../../components/Notice";
import { Panel } from "../../components/Panel";
import { CouchPanel } from "./CouchPanel";
import { ImagePanel } from "./ImagePanel";
import { MarksPanel } from "./MarksPanel";

/** What the patient has to lie on and in; it was compared when the fraction was begun. */
function Devices({ course }: { course: Course }) {
  return (
    <Panel title="Devices">
      {course.accessories.length === 0 ? <p class="dim">The simulation names no devices.</p> : null}
      <ul class="list">
        {course.accessories.map((one) => (
          <li key={accessoryWords(one)}>{accessoryWords(one)}</li>
        ))}
      </ul>
      <p class="dim small">
        Patient position {course.patient_position}. The devices were compared when the fraction was begun;
        another device or index needs the fraction to be begun anew.
      </p>
    </Panel>
  );
}

/** Bring the patient to the marks, check devices and couch, and take the image. */
export function SetUpView({ course, fraction }: { course: Course; fraction: Fraction }) {
  return (
    <>
      <FractionHead fraction={fraction} title="Set-up" />
      <div class="stack">
        {course.warnings.map((warning) => (
          <Notice key={warning} tone="warn" isQuiet>
            {asSentence(warning)}
          </Notice>
        ))}
        {fraction.no_image_because === "" ? null : (
          <Notice tone="info" isQuiet>
            No image is due: {fraction.no_image_because}.
          </Notice>
        )}
        <div class="columns">
          <div class="stack">
            <CouchPanel course={course} fraction={fraction} />
          </div>
          <div class="stack">
            <ImagePanel fraction={fraction} />
            <Devices course={course} />
            <MarksPanel course={course} fraction={fraction} />
          </div>
        </div>
      </div>
    </>
  );
}
