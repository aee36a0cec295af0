import { Component, type ComponentChildren } from "preact";
import { Button } from "../components/Button";
import { Notice } from "../components/Notice";

interface Props {
  /** Of the part that is shown; another one begins anew. */
  name: string;
  children: ComponentChildren;
}

interface State {
  failed: string | null;
  words: string;
}

/** A part that fails says so in its place; the rest of the page goes on. */
export class ErrorBoundary extends Component<Props, State> {
  override state: State = { failed: null, words: "" };

  override componentDidCatch(thrown: unknown): void {
    this.setState({
      failed: this.props.name,
      words: thrown instanceof Error ? thrown.message : String(thrown),
    });
  }

  override render({ name, children }: Props, { failed, words }: State) {
    if (failed !== name) {
      return children;
    }
    return (
      <div class="stack">
        <Notice tone="bad">
          <p>
            <b>This part of the page failed, so nothing of it is shown.</b> Nothing was sent to the service by
            this. Try again, or load the page again; report it with these words: {words}
          </p>
        </Notice>
        <div class="buttons">
          <Button tone="primary" onClick={() => this.setState({ failed: null, words: "" })}>
            Try again
          </Button>
          <Button onClick={() => location.reload()}>Load the page again</Button>
        </div>
      </div>
    );
  }
}
