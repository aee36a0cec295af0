import { type Signal, useSignal } from "@preact/signals";
import { readAudit, verifyAudit } from "../../api/calls";
import type { AuditLine, AuditPage } from "../../api/documents";
import { asProblem, asSentence, type Problem } from "../../api/problem";
import { Button } from "../../components/Button";
import { TextField } from "../../components/Fields";
import { dayAndTime } from "../../components/format";
import { JobProgress } from "../../components/JobProgress";
import { Notice, ProblemNotice } from "../../components/Notice";
import { Panel } from "../../components/Panel";
import { Headings, TableFrame } from "../../components/TableFrame";
import { isUnderWay, once } from "../../state/actions";
import { jobs, takeJob } from "../../state/jobs";
import { useResource } from "../../state/resource";

const PAGE = 50;

/** Recompute the whole chain: a job whose result says whether nothing was changed afterwards. */
function Verify() {
  const jobId = useSignal("");
  const problem = useSignal<Problem | null>(null);
  const job = jobs.value.get(jobId.value);
  const verify = async () => {
    const outcome = await once("verify audit", verifyAudit);
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
    if (outcome.kind === "done") {
      jobId.value = takeJob(outcome.value).job_id;
    }
  };
  return (
    <Panel title="Is the record whole?">
      <p class="dim small">
        Each entry holds the fingerprint of the one before: a change afterwards breaks the chain.
      </p>
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      {job?.state === "done" && job.result ? <JobResult result={job.result} /> : null}
      {job !== undefined && job.state !== "done" ? <JobProgress job={job} /> : null}
      <div class="buttons">
        <Button isBusy={isUnderWay("verify audit")} onClick={() => void verify()}>
          Verify the whole chain
        </Button>
      </div>
    </Panel>
  );
}

/** Whether nothing was changed afterwards; a result that does not say so is no good news. */
function JobResult({ result }: { result: Record<string, unknown> }) {
  const { is_intact: isIntact, findings, entries, head_seq: headSeq, head_sha256: fingerprint } = result;
  const found = Array.isArray(findings) ? findings.map(String) : [];
  const isWhole = isIntact === true && found.length === 0;
  return (
    <div class="stack tight">
      <Notice tone={isWhole ? "good" : "bad"}>
        <b>{isWhole ? "The record is whole." : "THE RECORD WAS CHANGED AFTERWARDS."}</b> {String(entries)}{" "}
        entries were verified, up to no. {String(headSeq)}.
      </Notice>
      {found.map((finding) => (
        <p key={finding}>{asSentence(finding)}</p>
      ))}
      <p class="small">
        <span class="dim">Fingerprint of the head</span> <span class="mono">{String(fingerprint)}</span>
      </p>
    </div>
  );
}

function LineRow({ line }: { line: AuditLine }) {
  return (
    <tr>
      <td class="number">{line.seq}</td>
      <td class="nowrap">{dayAndTime(line.at)}</td>
      <td>
        <b>{line.actor}</b>
      </td>
      <td>{line.action}</td>
      <td>{line.subject}</td>
      <td class="wrapped">
        {line.details.map((detail) => (
          <p key={detail}>{detail}</p>
        ))}
      </td>
      <td class="mono" title={line.sha256}>
        {line.sha256.slice(0, 12)}
      </td>
    </tr>
  );
}

function Lines({ lines }: { lines: readonly AuditLine[] }) {
  return (
    <TableFrame label="Entries">
      <Headings names={["No.", "At", "By", "What", "About", "Details", "Fingerprint"]} numbers={["No."]} />
      <tbody>
        {lines.map((line) => (
          <LineRow key={line.seq} line={line} />
        ))}
      </tbody>
    </TableFrame>
  );
}

interface Filter {
  subject: string;
  actor: string;
}

async function addOlder(older: Signal<AuditPage[]>, before: number, filter: Filter): Promise<Problem | null> {
  const outcome = await once("older audit", () => readAudit({ ...filter, before, limit: PAGE }));
  if (outcome.kind === "done") {
    older.value = [...older.value, outcome.value];
  }
  return outcome.kind === "problem" ? asProblem(outcome.problem) : null;
}

function Entries({ filter }: { filter: Filter }) {
  const { resource } = useResource(`audit ${JSON.stringify(filter)}`, () =>
    readAudit({ ...filter, limit: PAGE }),
  );
  const older = useSignal<AuditPage[]>([]);
  const problem = useSignal<Problem | null>(null);
  const pages = resource.value === null ? [] : [resource.value, ...older.value];
  const lines = pages.flatMap(({ entries }) => entries);
  const last = lines.at(-1);
  const found = resource.problem ?? problem.value;
  return (
    <Panel
      title="Entries, the newest first"
      aside={
        resource.value === null ? null : (
          <span class="dim small">
            head {resource.value.head_seq},{" "}
            <span class="mono">{resource.value.head_sha256.slice(0, 16)}</span>
          </span>
        )
      }
    >
      {found === null ? null : <ProblemNotice problem={found} />}
      {resource.value !== null && lines.length === 0 ? <p class="dim">No entry is about this.</p> : null}
      {lines.length === 0 ? null : <Lines lines={lines} />}
      {pages.at(-1)?.has_older && last !== undefined ? (
        <div class="buttons">
          <Button
            isBusy={isUnderWay("older audit")}
            onClick={() => {
              void addOlder(older, last.seq, filter).then((thrown) => {
                problem.value = thrown;
              });
            }}
          >
            Show older entries
          </Button>
        </div>
      ) : null}
    </Panel>
  );
}

/** What was done, by whom: the chain of the records. */
export function AuditView() {
  const typed = useSignal<Filter>({ subject: "", actor: "" });
  const filter = useSignal<Filter>({ subject: "", actor: "" });
  const apply = (event: Event) => {
    event.preventDefault();
    filter.value = { subject: typed.value.subject.trim(), actor: typed.value.actor.trim() };
  };
  return (
    <>
      <div class="view-head">
        <h1>Audit</h1>
        <form class="filters" onSubmit={apply}>
          <TextField
            label="About (course, fraction, person)"
            value={typed.value.subject}
            onInput={(subject) => {
              typed.value = { ...typed.value, subject };
            }}
          />
          <TextField
            label="By"
            value={typed.value.actor}
            onInput={(actor) => {
              typed.value = { ...typed.value, actor };
            }}
          />
          <button type="submit" class="button">
            Filter
          </button>
        </form>
      </div>
      <div class="stack">
        <Verify />
        <Entries key={JSON.stringify(filter.value)} filter={filter.value} />
      </div>
    </>
  );
}
