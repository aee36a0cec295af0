import { useEffect } from "preact/hooks";

/** What the mouse and the finger do in a view. */
export interface ViewPointer {
  readonly down: (event: PointerEvent) => void;
  readonly move: (event: PointerEvent) => void;
  readonly up: (event: PointerEvent) => void;
  readonly wheel: (event: WheelEvent) => void;
  readonly twice: () => void;
}

/** Listen to the mouse in a view; the wheel has to be able to keep the page from scrolling. */
export function usePointer(pointer: ViewPointer, box: { readonly current: HTMLElement | null }): void {
  useEffect(() => {
    const element = box.current;
    if (element === null) {
      return;
    }
    const ending = new AbortController();
    const options = { signal: ending.signal };
    element.addEventListener("pointerdown", pointer.down, options);
    element.addEventListener("pointermove", pointer.move, options);
    element.addEventListener("pointerup", pointer.up, options);
    element.addEventListener("pointercancel", pointer.up, options);
    element.addEventListener("lostpointercapture", pointer.up, options);
    element.addEventListener("wheel", pointer.wheel, { ...options, passive: false });
    element.addEventListener("contextmenu", (event) => event.preventDefault(), options);
    element.addEventListener("dblclick", pointer.twice, options);
    return () => ending.abort();
  }, [box, pointer]);
}
