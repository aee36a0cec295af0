import { type ReadonlySignal, type Signal, signal, useSignalEffect } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo } from "preact/hooks";
import type { Course, Fraction } from "../../api/documents";
import { guardLeaving } from "../../app/router";
import { compareClocks } from "../../state/poseClock";
import type { AlignSession } from "./alignSession";
import { StandingState } from "./standing";
import { useKeys } from "./useKeys";

/** What both desks are given. */
export interface DeskProps {
  readonly course: Course;
  readonly fraction: Fraction;
  readonly session: AlignSession;
  readonly hasDraft: Signal<boolean>;
}

const CLOCK_EVERY_MS = 60_000;

/**
 * What planes and radiographs have in common: keys, the standing of the position, the questions that follow it.
 *
 * @param isSeen - Whether the screen shows everything in its newest state.
 */
export function useDesk(props: DeskProps, isSeen: ReadonlySignal<boolean>): StandingState {
  const { fraction, session, hasDraft } = props;
  const current = useMemo(() => signal(fraction), [session]);
  const standing = useMemo(() => new StandingState(session, current, isSeen), [session, current, isSeen]);
  useLayoutEffect(() => {
    standing.follow(fraction);
    current.value = fraction;
  }, [fraction, standing, current]);
  useKeys(session);
  // What takes the service seconds is asked once the images are there: the first picture does not wait for it.
  const wasSeen = useMemo(() => signal(false), [session]);
  useSignalEffect(() => {
    wasSeen.value ||= isSeen.value;
  });
  useSignalEffect(() => {
    if (wasSeen.value) {
      void session.askFigures();
    }
  });
  useSignalEffect(() => {
    const pose = session.hand.pose.value;
    if (wasSeen.value) {
      session.similarity.put(pose);
    }
    // Who moves looks at what is moved.
    session.isComparing.value = false;
  });
  useSignalEffect(() => {
    hasDraft.value = standing.isDraft.value;
  });
  useSignalEffect(() => {
    session.note(session.look.flicker.value === null ? session.look.mode.value : "flicker");
  });
  useEffect(() => {
    void compareClocks();
    const timer = setInterval(() => void compareClocks(), CLOCK_EVERY_MS);
    return () => {
      clearInterval(timer);
      session.similarity.drop();
    };
  }, [session]);
  useDraftGuard(hasDraft);
  return standing;
}

/** A draft is not lost by leaving without being asked. */
function useDraftGuard(hasDraft: Signal<boolean>): void {
  useEffect(() => {
    const stop = guardLeaving(
      () => !hasDraft.peek() || confirm("Your position was not used. Leave, and lose it?"),
    );
    const ask = (event: BeforeUnloadEvent) => {
      if (hasDraft.peek()) {
        event.preventDefault();
      }
    };
    window.addEventListener("beforeunload", ask);
    return () => {
      stop();
      window.removeEventListener("beforeunload", ask);
    };
  }, [hasDraft]);
}
