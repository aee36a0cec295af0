import { type Signal, useSignal } from "@preact/signals";
import { dropUpload, readInbox } from "../../api/calls";
import type { Upload } from "../../api/documents";
import type { Problem } from "../../api/problem";
import { uploadFiles } from "../../api/upload";
import { Button } from "../../components/Button";
import { counted, dayAndTime, fileSize } from "../../components/format";
import { Notice, ProblemNotice } from "../../components/Notice";
import { Progress } from "../../components/Progress";
import { once } from "../../state/actions";
import { useResource } from "../../state/resource";
import { droppedFiles } from "./files";

/** Which files an image is made of; null while none are chosen. */
export type Source = { upload: Upload } | { inboxName: string } | null;

interface Sending {
  share: number;
  cancel: () => void;
}

/** What was uploaded, in the words of the service. */
function Uploaded({ upload, onDrop }: { upload: Upload; onDrop: () => void }) {
  return (
    <div class="stack tight">
      <p>
        <b>
          {counted(upload.files, "file")}, {fileSize(upload.bytes)}
        </b>
      </p>
      <ul class="list">
        {upload.items.map((item) => (
          <li key={item}>{item}</li>
        ))}
      </ul>
      {upload.problems.map((problem) => (
        <Notice key={problem} tone="warn">
          {problem}
        </Notice>
      ))}
      <div class="buttons">
        <Button onClick={onDrop}>Choose other files</Button>
      </div>
    </div>
  );
}

/** Choose a folder or drop it here. */
function Drop({ onFiles }: { onFiles: (files: File[]) => void }) {
  const isOver = useSignal(false);
  const take = async (items: DataTransferItemList) => {
    const outcome = await once("dropped files", () => droppedFiles(items));
    if (outcome.kind === "done") {
      onFiles(outcome.value);
    }
  };
  return (
    <label
      class={`drop${isOver.value ? " over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        isOver.value = true;
      }}
      onDragLeave={() => {
        isOver.value = false;
      }}
      onDrop={(event) => {
        event.preventDefault();
        isOver.value = false;
        if (event.dataTransfer !== null) {
          void take(event.dataTransfer.items);
        }
      }}
    >
      <span>Drop the folder of the export here, or choose it:</span>
      <input
        type="file"
        multiple
        {...{ webkitdirectory: true }}
        onChange={(event) => {
          onFiles([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = "";
        }}
      />
    </label>
  );
}

/** The folders that the machine exported into the inbox. */
function Inbox({ source }: { source: Signal<Source> }) {
  const { resource, reload } = useResource("inbox", readInbox);
  const chosen = source.value !== null && "inboxName" in source.value ? source.value.inboxName : "";
  return (
    <div class="stack tight">
      <div class="panel-head">
        <h3>Inbox</h3>
        <Button isBusy={resource.isLoading} onClick={() => void reload()}>
          Look again
        </Button>
      </div>
      {resource.problem === null ? null : <ProblemNotice problem={resource.problem} />}
      {resource.value?.length === 0 ? <p class="dim">Nothing was exported into the inbox.</p> : null}
      <ul class="picker">
        {resource.value?.map((entry) => (
          <li key={entry.name}>
            <button
              type="button"
              class="picker-item"
              aria-pressed={entry.name === chosen}
              onClick={() => {
                source.value = { inboxName: entry.name };
              }}
            >
              <span>
                <b>{entry.name}</b>
                <br />
                <span class="dim small">
                  {counted(entry.files, "file")}, {dayAndTime(entry.modified_at)}
                </span>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Where the files of an image come from: an upload, or a folder of the inbox. */
export function ImageSource({ source }: { source: Signal<Source> }) {
  const sending = useSignal<Sending | null>(null);
  const problem = useSignal<Problem | null>(null);
  const send = async (files: File[]) => {
    if (files.length === 0) {
      return;
    }
    const control = new AbortController();
    sending.value = { share: 0, cancel: () => control.abort() };
    const outcome = await once("upload", () =>
      uploadFiles(
        files,
        (share) => {
          sending.value = { share, cancel: () => control.abort() };
        },
        control.signal,
      ),
    );
    sending.value = null;
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
    if (outcome.kind === "done") {
      source.value = { upload: outcome.value };
    }
  };
  const drop = (upload: Upload) => {
    source.value = null;
    // What is not dropped expires by itself.
    void once(`drop ${upload.upload_id}`, () => dropUpload(upload.upload_id));
  };
  const chosen = source.value;
  return (
    <div class="stack">
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      {sending.value !== null ? (
        <div class="job-line">
          <Progress share={sending.value.share} label="Upload" />
          <Button onClick={sending.value.cancel}>Cancel</Button>
        </div>
      ) : null}
      {chosen !== null && "upload" in chosen ? (
        <Uploaded upload={chosen.upload} onDrop={() => drop(chosen.upload)} />
      ) : (
        <>
          {sending.value === null ? <Drop onFiles={(files) => void send(files)} /> : null}
          <Inbox source={source} />
        </>
      )}
    </div>
  );
}
