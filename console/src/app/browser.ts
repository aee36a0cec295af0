/** What this page cannot do without, and what of it a browser lacks. */
export function missingInBrowser(scope: {
  Worker?: unknown;
  WebSocket?: unknown;
  HTMLDialogElement?: unknown;
  fetch?: unknown;
}): string[] {
  const wanted: [string, unknown][] = [
    ["web workers", scope.Worker],
    ["web sockets", scope.WebSocket],
    ["dialogs", scope.HTMLDialogElement],
    ["fetch", scope.fetch],
  ];
  return wanted.filter(([, there]) => there === undefined).map(([name]) => name);
}
