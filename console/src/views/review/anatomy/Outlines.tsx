import type { ReadonlySignal } from "@preact/signals";
import { Line } from "../../../components/viewer/PlaneLines";
import type { Orientation, Plane } from "../../../geometry/planes";
import { type LineStyle, structureStyle } from "../../../overlay/structures";
import type { StructureDocument } from "../../align/documents";
import { type Pictures, structureId } from "../../align/pictures";
import { todayId } from "./anatomyState";

/** A structure as planned: dashed. As it is today: solid, and thicker. */
const plannedStyle = (structure: StructureDocument): LineStyle => ({
  ...structureStyle(structure),
  widthPx: 1.5,
  dashes: "5 4",
});
const todayStyle = (structure: StructureDocument): LineStyle => ({
  ...structureStyle(structure),
  widthPx: 2.5,
  dashes: "",
});

/** Structures as planned and as they are today, in the overlay of one plane. */
export function Outlines(props: {
  readonly planned: readonly StructureDocument[];
  readonly today: readonly StructureDocument[];
  readonly pictures: Pictures;
  readonly orientation: Orientation;
  readonly drawn: ReadonlySignal<Plane>;
}) {
  const { planned, today, pictures, orientation, drawn } = props;
  return (
    <>
      {planned.map((structure) => (
        <Line
          key={`planned ${structure.number}`}
          lines={pictures.linesOn(orientation, structureId(structure.number))}
          drawn={drawn}
          level={0}
          style={plannedStyle(structure)}
        />
      ))}
      {today.map((structure) => (
        <Line
          key={`today ${structure.number}`}
          lines={pictures.linesOn(orientation, todayId(structure.number))}
          drawn={drawn}
          level={0}
          style={todayStyle(structure)}
        />
      ))}
    </>
  );
}
