import { render } from "preact";

const page = document.getElementById("page");
if (page === null) {
  throw new Error("the document has no element #page to show the console in");
}
render(<main>isoguide</main>, page);
