import type { Protocol } from "../../api/documents";

/** One value of two versions. */
export interface ComparedValue {
  key: string;
  before: string | null;
  after: string | null;
  sourceBefore: string;
  sourceAfter: string;
  kind: "same" | "changed" | "added" | "removed" | "source changed";
}

/** Sign, word and class of each kind of difference. */
export const DIFFERENCE_SIGNS: Readonly<Record<ComparedValue["kind"], { sign: string; words: string }>> = {
  same: { sign: "=", words: "same" },
  changed: { sign: "≠", words: "changed" },
  added: { sign: "+", words: "added" },
  removed: { sign: "−", words: "removed" },
  "source changed": { sign: "≈", words: "another source" },
};

type Value = Protocol["values"][number];

function kindOf(before: Value | undefined, after: Value | undefined): ComparedValue["kind"] {
  if (before === undefined) {
    return "added";
  }
  if (after === undefined) {
    return "removed";
  }
  if (before.value !== after.value) {
    return "changed";
  }
  return before.source === after.source ? "same" : "source changed";
}

/** Compare two versions value by value, in the order of the later one; what was removed comes last. */
export function compareProtocols(
  before: Pick<Protocol, "values">,
  after: Pick<Protocol, "values">,
): ComparedValue[] {
  const old = new Map(before.values.map((value) => [value.key, value]));
  const next = new Map(after.values.map((value) => [value.key, value]));
  const keys = [...next.keys(), ...[...old.keys()].filter((key) => !next.has(key))];
  return keys.map((key) => {
    const [one, two] = [old.get(key), next.get(key)];
    return {
      key,
      before: one?.value ?? null,
      after: two?.value ?? null,
      sourceBefore: one?.source ?? "",
      sourceAfter: two?.source ?? "",
      kind: kindOf(one, two),
    };
  });
}
