import type { ReadonlySignal } from "@preact/signals";
import { Line } from "../../../components/viewer/PlaneLines";
import type { Orientation, Plane } from "../../../geometry/planes";
import { type LineStyle, structureStyle } from "../../../overlay/structures";
import type { StructureDocument } from "../../align/documents";
import { type Pictures, structureId } from "../../align/pictures";
import { todayId } from "./dayState";

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
  const line = (id: string, style: LineStyle) => (
    <Line key={id} lines={pictures.linesOn(orientation, id)} drawn={drawn} level={0} style={style} />
  );
  return (
    <>
      {planned.map((one) => line(structureId(one.number), plannedStyle(one)))}
      {today.map((one) => line(todayId(one.number), todayStyle(one)))}
    </>
  );
}
