/** The thread of a worker. */

import type { FromWorker, ToWorker } from "./messages";
import { WorkerHost } from "./worker_host";

/** What this file uses of a worker's global scope, which the types of the page do not know. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer: Transferable[]): void;
}

const scope = self as unknown as WorkerScope;
const host = new WorkerHost((message, transfer) => scope.postMessage(message, transfer));
scope.onmessage = (event) => host.handle(event.data);
