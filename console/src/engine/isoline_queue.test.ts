import { expect, test } from "vitest";
import { planeThrough } from "../geometry/planes";
import { IDENTITY, translation } from "../geometry/rigid";
import { type IsolineJob, IsolineQueue } from "./isoline_queue";

const SIZE = { mmPerPx: 1, widthPx: 100, heightPx: 100 };
const PLANE = planeThrough("axial", [0, 0, 0], SIZE);
const DEEPER = planeThrough("axial", [0, 0, 3], SIZE);

function queueWithView(): IsolineQueue {
  const queue = new IsolineQueue(2);
  queue.setPlane("axial", PLANE);
  queue.addScalar("PTV", "planning");
  queue.addScalar("bladder", "daily");
  return queue;
}

function started(queue: IsolineQueue): IsolineJob[] {
  const jobs: IsolineJob[] = [];
  for (let job = queue.next(); job !== null; job = queue.next()) {
    jobs.push(job);
  }
  return jobs;
}

test("lines are cut once, and again only for another plane", () => {
  const queue = queueWithView();
  queue.setRequests("axial", [{ scalarId: "PTV", levels: [0] }]);
  const [job] = started(queue);
  expect(job).toMatchObject({ viewId: "axial", plane: PLANE, request: { scalarId: "PTV" } });
  expect(queue.done(job!.job)).toBe(job);
  expect(started(queue)).toEqual([]);
  queue.setPlane("axial", { ...PLANE });
  expect(started(queue)).toEqual([]);
  queue.setPlane("axial", DEEPER);
  expect(started(queue)).toMatchObject([{ plane: DEEPER }]);
});

test("a pose moves only the lines of the daily image", () => {
  const queue = queueWithView();
  queue.setRequests("axial", [
    { scalarId: "PTV", levels: [0] },
    { scalarId: "bladder", levels: [0] },
  ]);
  queue.setPose(IDENTITY);
  for (const job of started(queue)) {
    queue.done(job.job);
  }
  queue.setPose(translation([1, 0, 0]));
  expect(started(queue)).toMatchObject([
    { request: { scalarId: "bladder" }, planningFromDaily: translation([1, 0, 0]) },
  ]);
});

test("while lines are cut only the newest plane waits for its turn", () => {
  const queue = queueWithView();
  queue.setRequests("axial", [{ scalarId: "PTV", levels: [0] }]);
  const [first] = started(queue);
  queue.setPlane("axial", planeThrough("axial", [0, 0, 1], SIZE));
  queue.setPlane("axial", planeThrough("axial", [0, 0, 2], SIZE));
  queue.setPlane("axial", DEEPER);
  expect(started(queue)).toEqual([]);
  queue.done(first!.job);
  expect(started(queue)).toMatchObject([{ plane: DEEPER }]);
});

test("no more lines are cut at once than there are workers", () => {
  const queue = queueWithView();
  queue.addScalar("CTV", "planning");
  queue.setRequests(
    "axial",
    ["PTV", "CTV", "bladder"].map((scalarId) => ({ scalarId, levels: [0] })),
  );
  expect(started(queue)).toHaveLength(2);
});

test("a volume that is not loaded yet is waited for", () => {
  const queue = queueWithView();
  queue.setRequests("axial", [{ scalarId: "rectum", levels: [0] }]);
  expect(started(queue)).toEqual([]);
  queue.addScalar("rectum", "planning");
  expect(started(queue)).toHaveLength(1);
});

test("lines that nobody wants any more are not handed on", () => {
  const queue = queueWithView();
  queue.setRequests("axial", [{ scalarId: "PTV", levels: [0] }]);
  const [job] = started(queue);
  queue.setRequests("axial", []);
  expect(queue.done(job!.job)).toBeNull();
  expect(queue.done(999)).toBeNull();
});

test("lines of a volume that was taken away while they were cut are not handed on", () => {
  const queue = queueWithView();
  queue.setRequests("axial", [{ scalarId: "PTV", levels: [0] }]);
  const [job] = started(queue);
  queue.removeScalar("PTV");
  expect(queue.done(job!.job)).toBeNull();
  queue.addScalar("PTV", "planning");
  expect(started(queue)).toHaveLength(1);
});

test("a structure that is switched off and on again is cut again", () => {
  const queue = queueWithView();
  const requests = [{ scalarId: "PTV", levels: [0] }];
  queue.setRequests("axial", requests);
  queue.done(started(queue)[0]!.job);
  queue.setRequests("axial", []);
  queue.setRequests("axial", requests);
  expect(started(queue)).toHaveLength(1);
});

test("a view that is gone gets no lines", () => {
  const queue = queueWithView();
  queue.setRequests("axial", [{ scalarId: "PTV", levels: [0] }]);
  queue.removeView("axial");
  expect(started(queue)).toEqual([]);
});
