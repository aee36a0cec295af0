import { told, unsafeHeaders } from "./client";
import type { Upload } from "./documents";
import { noAnswer, Problem, problemOf } from "./problem";

/**
 * Send files, each under its path in the folder that was chosen.
 *
 * @param onShare - Told how much of them is sent, 0 to 1.
 * @throws {@link Problem} if they were refused, not answered, or taken back.
 */
export function uploadFiles(
  files: readonly File[],
  onShare: (share: number) => void,
  signal: AbortSignal,
): Promise<Upload> {
  const form = new FormData();
  for (const file of files) {
    form.append("files", file, file.webkitRelativePath || file.name);
  }
  // Only XMLHttpRequest tells how much is sent.
  const request = new XMLHttpRequest();
  request.open("POST", "/api/uploads");
  request.responseType = "json";
  for (const [name, value] of Object.entries(unsafeHeaders())) {
    request.setRequestHeader(name, value);
  }
  return new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) {
        onShare(event.loaded / event.total);
      }
    };
    request.onload = () => {
      if (request.status === 201) {
        resolve(request.response as Upload);
      } else {
        const wait = request.getResponseHeader("Retry-After");
        reject(told(problemOf(request.status, request.response, wait)));
      }
    };
    request.onerror = () => reject(told(noAnswer()));
    request.onabort = () => reject(new Problem("cancelled", 0, "The upload was taken back."));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
