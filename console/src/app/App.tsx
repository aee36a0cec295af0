import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { personName } from "../components/format";
import { Notice } from "../components/Notice";
import { steadyMs } from "../state/clock";
import { closeFraction, course } from "../state/fraction";
import { isInterrupted, noteActivity, session } from "../state/session";
import { followService, unfollowService } from "../state/stream";
import { AccountView } from "../views/account/AccountView";
import { AuditView } from "../views/audit/AuditView";
import { PopulationView } from "../views/population/PopulationView";
import { ProtocolsView } from "../views/protocols/ProtocolsView";
import { WorklistView } from "../views/worklist/WorklistView";
import { Banners } from "./Banners";
import { CourseFrame } from "./CourseFrame";
import { ErrorBoundary } from "./ErrorBoundary";
import { Nav } from "./Nav";
import { hashOf, type Route, route } from "./router";
import { SignInAgain, SignInPage } from "./SignIn";
import { TopStrip } from "./TopStrip";

function View({ at }: { at: Route }) {
  switch (at.view) {
    case "worklist":
      return <WorklistView />;
    case "course":
      return <CourseFrame key={at.courseId} courseId={at.courseId} part={at.part} number={at.number} />;
    case "population":
      return <PopulationView />;
    case "protocols":
      return <ProtocolsView />;
    case "audit":
      return <AuditView />;
    case "account":
      return <AccountView />;
    default:
      return (
        <Notice tone="warn">
          There is no view at {at.address}: <a href="#/worklist">go to the worklist</a>.
        </Notice>
      );
  }
}

/** The page of somebody who is signed in. */
function SignedIn() {
  const at = route.value;
  const main = useRef<HTMLElement>(null);
  const address = hashOf(at);
  useEffect(() => {
    followService();
    return unfollowService;
  }, []);
  useEffect(() => {
    const take = () => noteActivity(steadyMs());
    addEventListener("pointerdown", take);
    addEventListener("keydown", take);
    return () => {
      removeEventListener("pointerdown", take);
      removeEventListener("keydown", take);
    };
  }, []);
  useEffect(() => {
    // Whoever works by keyboard goes on in the new view, and a screen reader begins to read there.
    main.current?.focus();
    main.current?.scrollTo(0, 0);
    if (at.view !== "course") {
      closeFraction();
    }
  }, [address]);
  const isFull = at.view === "course" && at.part === "align";
  return (
    <div class="app">
      <a class="skip" href={`${address}`} onClick={() => main.current?.focus()}>
        To the view
      </a>
      <TopStrip />
      <Nav />
      <main ref={main} class={`view${isFull ? " full" : ""}`} tabIndex={-1}>
        <ErrorBoundary name={address}>
          <View at={at} />
        </ErrorBoundary>
      </main>
      <Banners />
      {isInterrupted.value ? <SignInAgain /> : null}
    </div>
  );
}

/** The whole page. */
export function App() {
  useSignalEffect(() => {
    const name = course.value?.patient.name;
    document.title = name === undefined ? "isoguide" : `${personName(name)} · isoguide`;
  });
  if (session.value === undefined) {
    return <p class="empty dim">isoguide is asking who is signed in.</p>;
  }
  return session.value === null ? <SignInPage /> : <SignedIn />;
}
