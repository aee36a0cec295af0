import { Button } from "../components/Button";
import { Mark } from "../components/Mark";
import { link } from "../state/link";
import { isStalePage, isWithoutAnswer, notices, putAway } from "../state/notices";
import { isInterrupted } from "../state/session";

/** What has to be known whatever one does; below the view, so that no button moves under a finger. */
export function Banners() {
  // Without a session the stream is refused although the service answers.
  const isLost = link.value === "lost" && !isInterrupted.value;
  return (
    <div class="banners">
      {isStalePage.value ? (
        <div class="banner bad" role="alert">
          <Mark tone="bad" />
          <p>
            <b>This page is of another version than the service.</b> Nothing can be done from it until it is
            loaded again.
          </p>
          <Button tone="primary" isLarge onClick={() => location.reload()}>
            Load the page again
          </Button>
        </div>
      ) : null}
      {isWithoutAnswer.value || isLost ? (
        <div class="banner bad" role="alert">
          <Mark tone="bad" />
          <p>
            <b>The service does not answer.</b> What is shown may be out of date; the page tries to connect
            again by itself. Use the machine's own console meanwhile.
          </p>
        </div>
      ) : null}
      {notices.value.map((notice) => (
        <div key={notice.id} class={`banner ${notice.tone}`} role="status">
          <Mark tone={notice.tone} />
          <p>{notice.words}</p>
          <Button onClick={() => putAway(notice.id)}>Put away</Button>
        </div>
      ))}
    </div>
  );
}
