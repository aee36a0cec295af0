import { render } from "preact";
import { listenToProblems } from "./api/client";
import { asProblem } from "./api/problem";
import { App } from "./app/App";
import { missingInBrowser } from "./app/browser";
import { ErrorBoundary } from "./app/ErrorBoundary";
import { followAddress } from "./app/router";
import { startClocks } from "./state/clock";
import { isStalePage, isWithoutAnswer } from "./state/notices";
import { noteSignedOut, resumeSession } from "./state/session";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/components.css";
import "./styles/views.css";

const page = document.getElementById("page");
if (page === null) {
  throw new Error("the document has no element #page to show the console in");
}

/** Ask who is signed in until the service answers: a page that is opened too early waits for it. */
async function begin(): Promise<void> {
  try {
    await resumeSession();
  } catch (thrown) {
    const problem = asProblem(thrown);
    if (page !== null) {
      render(<p class="empty">{problem.message} The page asks again every three seconds.</p>, page);
    }
    setTimeout(() => void begin(), 3000);
    return;
  }
  if (page !== null) {
    render(
      <ErrorBoundary name="page">
        <App />
      </ErrorBoundary>,
      page,
    );
  }
}

const missing = missingInBrowser(window);
if (missing.length > 0) {
  render(
    <p class="empty">
      This browser lacks {missing.join(", ")}, which isoguide needs: use a current Chromium, Edge, Firefox or
      Safari.
    </p>,
    page,
  );
} else {
  listenToProblems(
    (problem) => {
      if (problem.status === 401) {
        noteSignedOut();
      }
      isStalePage.value ||= problem.kind === "stale page";
      isWithoutAnswer.value ||= problem.isUnknownOutcome;
    },
    () => {
      isWithoutAnswer.value = false;
    },
  );
  startClocks();
  followAddress();
  void begin();
}
