import type { Assessment } from "../../../api/documents";
import { plain } from "../../../components/format";
import { Mark } from "../../../components/Mark";
import { Headings, TableFrame } from "../../../components/TableFrame";
import { capital } from "../../../components/words";

/** Why to believe the deformation, or why not: each figure beside its limit. */
export function FigureTable({ assessment }: { assessment: Assessment }) {
  return (
    <TableFrame label="Quality of the deformation" frame="anatomy-figures">
      <Headings names={["Quality of the deformation", "Value", "Limit"]} numbers={["Value"]} />
      <tbody>
        {assessment.figures.map((figure) => (
          <tr key={figure.name}>
            <th scope="row">{capital(figure.name)}</th>
            <td class="number nowrap">
              {plain(figure.value, figure.decimals)} {figure.value === null ? "" : figure.unit}
            </td>
            <td class="nowrap">
              {figure.is_kept === null ? (
                <span class="dim">{figure.limit || "none"}</span>
              ) : (
                <span class="anatomy-limit">
                  <Mark
                    tone={figure.is_kept ? "good" : "warn"}
                    label={figure.is_kept ? "kept" : "not kept"}
                  />
                  {figure.limit}
                </span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </TableFrame>
  );
}
