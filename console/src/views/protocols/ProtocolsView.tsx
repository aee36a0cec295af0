import { useSignal } from "@preact/signals";
import { readProtocol, readProtocols } from "../../api/calls";
import type { Protocol, ProtocolLine } from "../../api/documents";
import { Chip } from "../../components/Chip";
import { CheckField, SelectField } from "../../components/Fields";
import { counted, day } from "../../components/format";
import { ProblemNotice } from "../../components/Notice";
import { Panel } from "../../components/Panel";
import { Headings, TableFrame } from "../../components/TableFrame";
import { useResource } from "../../state/resource";
import { type ComparedValue, compareProtocols, DIFFERENCE_SIGNS } from "./compare";

const labelOf = (line: ProtocolLine): string => `${line.name} ${line.version}`;

/** Every version; the chosen one is marked. */
function ProtocolList(props: {
  lines: readonly ProtocolLine[];
  chosen: string;
  onChoose: (line: ProtocolLine) => void;
}) {
  return (
    <Panel title="Protocols">
      <ul class="picker">
        {props.lines.map((line) => (
          <li key={labelOf(line)}>
            <button
              type="button"
              class="picker-item"
              aria-pressed={labelOf(line) === props.chosen}
              onClick={() => props.onChoose(line)}
            >
              <span>
                <b>{line.title}</b>
                <br />
                <span class="dim small">
                  {line.name}, version {line.version}, {line.site}, since {day(line.added_at)}
                </span>
              </span>
              {line.is_newest ? <Chip tone="good">newest</Chip> : <Chip>older</Chip>}
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Sentences({ protocol }: { protocol: Protocol }) {
  return (
    <Panel
      title={`${protocol.title}, version ${protocol.version}`}
      aside={<span class="dim small">{counted(protocol.courses, "course")} treated by it</span>}
    >
      <ul class="list sentences">
        {protocol.sentences.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      <p class="small">
        <span class="dim">Fingerprint</span> <span class="mono">{protocol.sha256}</span>
      </p>
    </Panel>
  );
}

function Values({ protocol }: { protocol: Protocol }) {
  return (
    <Panel title="Values and where they come from">
      <TableFrame label="Values">
        <Headings names={["Value", "Is", "Source"]} />
        <tbody>
          {protocol.values.map((value) => (
            <tr key={value.key}>
              <th scope="row">{value.key}</th>
              <td>{value.value}</td>
              <td>{value.source === "" ? <span class="dim">no source is given</span> : value.source}</td>
            </tr>
          ))}
        </tbody>
      </TableFrame>
    </Panel>
  );
}

function ComparedRow({ row }: { row: ComparedValue }) {
  const { sign, words } = DIFFERENCE_SIGNS[row.kind];
  return (
    <tr class={`compared ${row.kind.replace(" ", "-")}`}>
      <td class="nowrap">
        <span class="difference">
          <b aria-hidden="true">{sign}</b> {words}
        </span>
      </td>
      <th scope="row">{row.key}</th>
      <td>
        {row.before ?? <span class="dim">none</span>}
        {row.sourceBefore === "" ? null : <p class="dim small">{row.sourceBefore}</p>}
      </td>
      <td>
        {row.after ?? <span class="dim">none</span>}
        {row.sourceAfter === "" ? null : <p class="dim small">{row.sourceAfter}</p>}
      </td>
    </tr>
  );
}

/** Two versions side by side. */
function Comparison({ before, after }: { before: Protocol; after: Protocol }) {
  const showsAll = useSignal(false);
  const rows = compareProtocols(before, after);
  const differing = rows.filter(({ kind }) => kind !== "same");
  return (
    <Panel
      title={`Compared: ${labelOf(before)} and ${labelOf(after)}`}
      aside={
        <CheckField
          label="show what is the same"
          isChecked={showsAll.value}
          onChange={(isChecked) => {
            showsAll.value = isChecked;
          }}
        />
      }
    >
      <p>
        {differing.length === 0
          ? "Nothing differs."
          : `${differing.length} of ${counted(rows.length, "value")} differ.`}
      </p>
      <TableFrame label="Differences">
        <thead>
          <tr>
            <th scope="col">Difference</th>
            <th scope="col">Value</th>
            <th scope="col">{labelOf(before)}</th>
            <th scope="col">{labelOf(after)}</th>
          </tr>
        </thead>
        <tbody>
          {(showsAll.value ? rows : differing).map((row) => (
            <ComparedRow key={row.key} row={row} />
          ))}
        </tbody>
      </TableFrame>
    </Panel>
  );
}

/** One protocol in full, alone or beside another one. */
function Chosen({ line, lines }: { line: ProtocolLine; lines: readonly ProtocolLine[] }) {
  const other = useSignal("");
  const { resource } = useResource(labelOf(line), () => readProtocol(line.name, line.version));
  const otherLine = lines.find((one) => labelOf(one) === other.value);
  const beside = useResource<Protocol | null>(`beside ${other.value}`, async () =>
    otherLine === undefined ? null : readProtocol(otherLine.name, otherLine.version),
  );
  const options = lines
    .filter((one) => labelOf(one) !== labelOf(line))
    .map((one) => ({ value: labelOf(one), words: `${one.title} (${labelOf(one)})` }));
  const problem = resource.problem ?? beside.resource.problem;
  return (
    <div class="stack">
      {problem === null ? null : <ProblemNotice problem={problem} />}
      <SelectField
        label="Compare with an earlier or another version"
        value={other.value}
        options={[{ value: "", words: "nothing" }, ...options]}
        onChange={(value) => {
          other.value = value;
        }}
      />
      {resource.value !== null && beside.resource.value !== null ? (
        <Comparison before={beside.resource.value} after={resource.value} />
      ) : null}
      {resource.value === null ? null : <Sentences protocol={resource.value} />}
      {resource.value === null ? null : <Values protocol={resource.value} />}
    </div>
  );
}

/** What is imaged when, what is tolerated, who signs: each protocol as sentences with its sources. */
export function ProtocolsView() {
  const { resource } = useResource("protocols", readProtocols);
  const chosen = useSignal<string | null>(null);
  const lines = resource.value ?? [];
  const line = lines.find((one) => labelOf(one) === chosen.value) ?? lines[0];
  return (
    <>
      <div class="view-head">
        <h1>Protocols</h1>
      </div>
      {resource.problem === null ? null : <ProblemNotice problem={resource.problem} />}
      <div class="with-list">
        <ProtocolList
          lines={lines}
          chosen={line === undefined ? "" : labelOf(line)}
          onChoose={(one) => {
            chosen.value = labelOf(one);
          }}
        />
        {line === undefined ? null : <Chosen key={labelOf(line)} line={line} lines={lines} />}
      </div>
    </>
  );
}
