import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Button } from "../../../components/Button";
import { Notice } from "../../../components/Notice";

type Opened<T> =
  | { readonly kind: "closed" | "loading" }
  | { readonly kind: "failed"; readonly sentence: string }
  | { readonly kind: "open"; readonly state: T };

/** Slices of the day: opened when somebody wants them, because the images are large. */
export function OnceOpened<T>(props: {
  readonly words: string;
  readonly open: () => Promise<T>;
  readonly children: (state: T) => ComponentChildren;
}) {
  const { words, open, children } = props;
  const opened = useSignal<Opened<T>>({ kind: "closed" });
  const isGone = useSignal(false);
  useEffect(
    () => () => {
      isGone.value = true;
    },
    [isGone],
  );
  const load = async () => {
    opened.value = { kind: "loading" };
    const result = await outcomeOf(open);
    if (!isGone.peek()) {
      opened.value = result;
    }
  };
  const now = opened.value;
  switch (now.kind) {
    case "closed":
      return (
        <div class="buttons">
          <Button tone="primary" onClick={() => void load()}>
            {words}
          </Button>
        </div>
      );
    case "loading":
      return <p class="empty dim">The images are opened.</p>;
    case "failed":
      return (
        <Notice tone="bad">
          The images were not opened: {now.sentence} <Button onClick={() => void load()}>Load again</Button>
        </Notice>
      );
    default:
      return <>{children(now.state)}</>;
  }
}

async function outcomeOf<T>(open: () => Promise<T>): Promise<Opened<T>> {
  try {
    return { kind: "open", state: await open() };
  } catch (error) {
    return { kind: "failed", sentence: error instanceof Error ? error.message : String(error) };
  }
}
