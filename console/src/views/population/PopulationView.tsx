import { useSignal } from "@preact/signals";
import { type PopulationFilter, readPopulation, readSites } from "../../api/calls";
import type { PopulationReview } from "../../api/documents";
import { asSentence } from "../../api/problem";
import { SelectField, TextField } from "../../components/Fields";
import { counted } from "../../components/format";
import { ProblemNotice } from "../../components/Notice";
import { Panel } from "../../components/Panel";
import { useResource } from "../../state/resource";
import { Conduct, GroupPanel, Outliers, Schemes } from "./PopulationTables";

const GROUPINGS = [
  { value: "site", words: "site" },
  { value: "device", words: "device" },
  { value: "machine", words: "machine" },
  { value: "protocol", words: "protocol" },
] as const;

interface Typed {
  site: string;
  machine: string;
  protocol: string;
  by: PopulationFilter["by"];
}

const queryOf = ({ site, machine, protocol, by }: Typed): PopulationFilter => ({
  by,
  ...(site === "" ? {} : { site }),
  ...(machine.trim() === "" ? {} : { machine: machine.trim() }),
  ...(protocol.trim() === "" ? {} : { protocol: protocol.trim() }),
});

function Filters(props: { typed: Typed; onChange: (typed: Typed) => void; onApply: () => void }) {
  const { typed, onChange, onApply } = props;
  const sites = useResource("sites", readSites);
  const options = (sites.resource.value ?? []).map((site) => ({ value: site, words: site }));
  return (
    <form
      class="filters"
      onSubmit={(event) => {
        event.preventDefault();
        onApply();
      }}
    >
      <SelectField
        label="Group by"
        value={typed.by}
        options={GROUPINGS}
        onChange={(by) => onChange({ ...typed, by })}
      />
      <SelectField
        label="Site"
        value={typed.site}
        options={[{ value: "", words: "all" }, ...options]}
        onChange={(site) => onChange({ ...typed, site })}
      />
      <TextField
        label="Machine"
        value={typed.machine}
        onInput={(machine) => onChange({ ...typed, machine })}
      />
      <TextField
        label="Protocol"
        value={typed.protocol}
        onInput={(protocol) => onChange({ ...typed, protocol })}
      />
      <button type="submit" class="button">
        Filter
      </button>
    </form>
  );
}

/** How many there are, what stands out, and what was left out. */
function Lead({ review }: { review: PopulationReview }) {
  return (
    <Panel
      title="What the review says"
      aside={
        <span class="dim small">
          {counted(review.courses, "course")}, {counted(review.fractions, "fraction")},{" "}
          {counted(review.measurements, "measurement")}
        </span>
      }
    >
      {review.in_words.map((sentence) => (
        <p key={sentence}>{asSentence(sentence)}</p>
      ))}
      {review.left_out.map((sentence) => (
        <p key={sentence} class="dim small">
          {asSentence(sentence)}
        </p>
      ))}
    </Panel>
  );
}

/** Errors of a whole department: systematic, random, margins, who stands out. */
export function PopulationView() {
  const typed = useSignal<Typed>({ site: "", machine: "", protocol: "", by: "site" });
  const applied = useSignal(typed.peek());
  const key = JSON.stringify(applied.value);
  const { resource } = useResource(`population ${key}`, () => readPopulation(queryOf(applied.value)));
  const review = resource.value;
  const groups = review?.groups.filter(({ by }) => by === review.by || by === "all") ?? [];
  return (
    <>
      <div class="view-head">
        <h1>Population</h1>
        <Filters
          typed={typed.value}
          onChange={(next) => {
            typed.value = next;
          }}
          onApply={() => {
            applied.value = typed.value;
          }}
        />
      </div>
      <div class="stack">
        {resource.problem === null ? null : <ProblemNotice problem={resource.problem} />}
        {resource.isLoading ? <p class="dim">The review is made.</p> : null}
        {review === null ? null : (
          <>
            <Lead review={review} />
            {(groups.length > 0 ? groups : review.groups).map((group) => (
              <GroupPanel key={`${group.by} ${group.name} ${group.position}`} group={group} />
            ))}
            <Outliers review={review} />
            <Schemes review={review} />
            <Conduct review={review} />
          </>
        )}
      </div>
    </>
  );
}
