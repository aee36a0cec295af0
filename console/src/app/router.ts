import { type ReadonlySignal, signal } from "@preact/signals";

/** The four parts of a fraction. */
export const PARTS = ["setup", "align", "treat", "review"] as const;
export type Part = (typeof PARTS)[number];

/** Where the page is. Number 0 of a course is its review without a fraction. */
export type Route =
  | { view: "worklist" | "population" | "protocols" | "audit" | "account" }
  | { view: "course"; courseId: string; part: Part; number: number }
  | { view: "unknown"; address: string };

const PLAIN = ["worklist", "population", "protocols", "audit", "account"] as const;

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function courseRoute(parts: string[]): Route | null {
  const [, id = "", part = "", number = ""] = parts;
  const courseId = decoded(id);
  const known = PARTS.find((one) => one === part);
  if (parts.length !== 4 || !courseId || known === undefined || !/^\d{1,4}$/.test(number)) {
    return null;
  }
  const asNumber = Number.parseInt(number, 10);
  return asNumber === 0 && known !== "review"
    ? null
    : { view: "course", courseId, part: known, number: asNumber };
}

/** Read an address such as `#/courses/C1/align/3`. */
export function parseRoute(hash: string): Route {
  const parts = hash
    .replace(/^#/, "")
    .split("/")
    .filter((part) => part !== "");
  const [first] = parts;
  if (first === undefined) {
    return { view: "worklist" };
  }
  const plain = PLAIN.find((view) => view === first);
  if (plain !== undefined && parts.length === 1) {
    return { view: plain };
  }
  return (first === "courses" ? courseRoute(parts) : null) ?? { view: "unknown", address: hash };
}

/** Write an address; {@link parseRoute} reads it back. */
export function hashOf(route: Route): string {
  if (route.view === "course") {
    return `#/courses/${encodeURIComponent(route.courseId)}/${route.part}/${route.number}`;
  }
  return route.view === "unknown" ? route.address : `#/${route.view}`;
}

const current = signal<Route>({ view: "worklist" });

/** Where the page is now. */
export const route: ReadonlySignal<Route> = current;

let mayLeave: () => boolean = () => true;

/** Ask before the page goes elsewhere; returns what takes that back. */
export function guardLeaving(ask: () => boolean): () => void {
  mayLeave = ask;
  return () => {
    if (mayLeave === ask) {
      mayLeave = () => true;
    }
  };
}

/** Go somewhere. */
export function go(to: Route): void {
  location.hash = hashOf(to);
}

/** Follow the address of the page; returns what ends that. */
export function followAddress(): () => void {
  const take = () => {
    const next = parseRoute(location.hash);
    if (hashOf(next) !== hashOf(current.peek()) && !mayLeave()) {
      history.replaceState(null, "", hashOf(current.peek()));
      return;
    }
    current.value = next;
  };
  take();
  addEventListener("hashchange", take);
  return () => removeEventListener("hashchange", take);
}
