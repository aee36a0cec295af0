import type { AlignSession } from "../../views/align/alignSession";
import { type RegionShift, regionShifts, shiftsWords, sidesWords } from "../../views/align/ultrasound";
import { Panel } from "../Panel";

/** More lines than this would push the decision off the page; the arrows in the views show all of them. */
const MOST_LINES = 6;

/** What no rigid motion explains: tissue that the probe presses, or that fills and empties. */
export function DeformationPanel({ session }: { session: AlignSession }) {
  const figures = session.figures.value;
  if (figures === null) {
    return <DeformationFrame words="What is left of the regions is asked for…" />;
  }
  const why = figures.not_available_because ?? "";
  if (why !== "" || figures.residuals.length === 0) {
    return <DeformationFrame words={why === "" ? "The match says nothing of single regions." : why} />;
  }
  const shifts = regionShifts(figures.residuals, session.planIsocentreMm);
  return (
    <DeformationFrame words={shiftsWords(shifts)}>
      <table class="table small">
        <thead>
          <tr>
            <th scope="col">Region, mm from the isocentre</th>
            <th scope="col">Would move, mm</th>
          </tr>
        </thead>
        <tbody>
          {shifts.slice(0, MOST_LINES).map((shift) => (
            <RegionLine key={shift.fromIsocentreMm.join(" ")} shift={shift} />
          ))}
        </tbody>
      </table>
    </DeformationFrame>
  );
}

function RegionLine({ shift }: { shift: RegionShift }) {
  return (
    <tr>
      <td>{sidesWords(shift.fromIsocentreMm, 0) || "at the isocentre"}</td>
      <td>
        <b>{shift.lengthMm.toFixed(1)}</b> {sidesWords(shift.shiftMm, 1)}
      </td>
    </tr>
  );
}

function DeformationFrame({ words, children }: { words: string; children?: preact.ComponentChildren }) {
  return (
    <Panel title="Deformation (probe pressure)">
      <p class="small">{words}</p>
      {children}
    </Panel>
  );
}
