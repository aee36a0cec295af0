import { describe, expect, test } from "vitest";
import type { TreatmentSetup } from "../geometry/correction";
import { shiftedOnScreen, turnedOnScreen } from "../geometry/motion";
import { type Orientation, planeThrough } from "../geometry/planes";
import { IDENTITY, type Matrix4, translation } from "../geometry/rigid";
import { dragShift } from "../input/pointer";
import {
  begun,
  canRedo,
  canUndo,
  isSamePose,
  MOST_MOVEMENTS,
  moved,
  type PoseHistory,
  poseOf,
  redone,
  settled,
  undone,
} from "./pose";

const SETUP: TreatmentSetup = {
  planIsocentreMm: [12, -34, 56],
  machineIsocentreMm: [1, 2, 3],
  patientPosition: "HFS",
};
/** planning_from_daily of a patient who needs no correction: the two isocentres coincide. */
const UNCORRECTED = translation([11, -36, 53]);
const AT = "2026-03-02T09:15:00Z";

function shifted(x: number): Matrix4 {
  return translation([11 + x, -36, 53]);
}

function stepped(count: number, history = begun(SETUP, UNCORRECTED)): PoseHistory {
  return Array.from({ length: count }).reduce<PoseHistory>(
    (before, _, step) => moved(before, shifted(step + 1), { kind: "key", at: AT }),
    history,
  );
}

describe("undo and redo", () => {
  test("nothing was done at the beginning", () => {
    const history = begun(SETUP, UNCORRECTED);
    expect([canUndo(history), canRedo(history), history.movements.length]).toEqual([false, false, 0]);
    expect(undone(history, AT)).toBe(history);
    expect(redone(history, AT)).toBe(history);
  });

  test("every movement is taken back in turn and made again in turn, to the last digit", () => {
    let history = stepped(7);
    const seen: Matrix4[] = [poseOf(history)];
    while (canUndo(history)) {
      history = undone(history, AT);
      seen.push(poseOf(history));
    }
    expect(poseOf(history)).toBe(UNCORRECTED);
    expect(seen).toHaveLength(8);
    while (canRedo(history)) {
      history = redone(history, AT);
      seen.pop();
      expect(poseOf(history)).toBe(seen.at(-1));
    }
    expect(poseOf(history)).toEqual(shifted(7));
  });

  test("undo and then redo leaves the pose as it was, anywhere in the history", () => {
    for (let back = 0; back < 4; back += 1) {
      let history = stepped(5);
      for (let step = 0; step < back; step += 1) {
        history = undone(history, AT);
      }
      expect(poseOf(redone(undone(history, AT), AT))).toBe(poseOf(history));
    }
  });

  test("a movement after an undo forgets what could have been made again, and nothing else", () => {
    const history = moved(undone(undone(stepped(3), AT), AT), shifted(-9), { kind: "typed", at: AT });
    expect(canRedo(history)).toBe(false);
    expect(poseOf(undone(history, AT))).toEqual(shifted(1));
  });

  test("the same pose is no movement", () => {
    const history = stepped(1);
    expect(moved(history, shifted(1), { kind: "typed", at: AT })).toBe(history);
  });
});

describe("the record of movements", () => {
  test("says what was taken back too, in order, with where it led", () => {
    const history = redone(undone(stepped(2), AT), AT);
    expect(history.movements.map(({ kind }) => kind)).toEqual(["key", "key", "undo", "redo"]);
    expect(history.movements.map(({ correction }) => correction.lateralMm)).toEqual([1, 2, 1, 2]);
  });

  test("a drag of many steps is one movement and is taken back at once", () => {
    let history = begun(SETUP, UNCORRECTED);
    for (let step = 1; step <= 20; step += 1) {
      history = moved(history, shifted(step / 4), { kind: "drag", at: AT, gesture: "drag 1" });
    }
    expect(history.movements).toHaveLength(1);
    expect(history.movements[0]!.correction.lateralMm).toBe(5);
    expect(poseOf(undone(history, AT))).toBe(UNCORRECTED);
  });

  test("two drags are two movements, and so are two presses of the same key", () => {
    const first = settled(
      moved(begun(SETUP, UNCORRECTED), shifted(1), { kind: "drag", at: AT, gesture: "g" }),
    );
    const second = moved(first, shifted(2), { kind: "drag", at: AT, gesture: "g" });
    expect(second.movements).toHaveLength(2);
  });

  test("an undo in the middle of a drag ends it: what the hand does next is a new movement", () => {
    const dragged = moved(begun(SETUP, UNCORRECTED), shifted(1), { kind: "drag", at: AT, gesture: "g" });
    const next = moved(undone(dragged, AT), shifted(3), { kind: "drag", at: AT, gesture: "g" });
    expect(next.movements.map(({ kind }) => kind)).toEqual(["drag", "undo", "drag"]);
    expect(poseOf(undone(next, AT))).toBe(UNCORRECTED);
  });

  test("stops where the service would refuse it, instead of losing movements", () => {
    const full: PoseHistory = {
      ...stepped(1),
      movements: Array.from({ length: MOST_MOVEMENTS }, () => stepped(1).movements[0]!),
    };
    expect(moved(full, shifted(9), { kind: "key", at: AT })).toBe(full);
    expect([canUndo(full), canRedo(full)]).toEqual([false, false]);
  });
});

/** By hand from docs/conventions.md: HFS has left = +X, head = +Y, back = -Z. */
const DRAGS: readonly [Orientation, number, number, Record<string, number>][] = [
  // The day's image 10 mm to the right of the screen: the axial's right is the patient's left, so +X.
  ["axial", 10, 0, { lateralMm: 10, longitudinalMm: 0, verticalMm: 0 }],
  // Down on the axial is to the back, which is down in the room.
  ["axial", 0, 10, { lateralMm: 0, longitudinalMm: 0, verticalMm: -10 }],
  // Up on the coronal is to the head, towards the gantry.
  ["coronal", 0, -10, { lateralMm: 0, longitudinalMm: 10, verticalMm: 0 }],
  ["coronal", 10, 0, { lateralMm: 10, longitudinalMm: 0, verticalMm: 0 }],
  // Right on the sagittal is to the back.
  ["sagittal", 10, 0, { lateralMm: 0, longitudinalMm: 0, verticalMm: -10 }],
];

describe("the direction of the hand", () => {
  test.each(DRAGS)(
    "the day's image dragged on the %s view by %d mm right and %d mm down moves the supine patient the same way",
    (orientation, rightMm, downMm, expected) => {
      const plane = planeThrough(orientation, [12, -34, 56], { mmPerPx: 0.5, widthPx: 400, heightPx: 400 });
      const pose = shiftedOnScreen(UNCORRECTED, plane, dragShift(plane, rightMm / 0.5, downMm / 0.5));
      const history = moved(begun(SETUP, UNCORRECTED), pose, { kind: "drag", at: AT });
      const { correction } = history.movements[0]!;
      for (const [axis, value] of Object.entries(expected)) {
        expect(correction[axis as "lateralMm"], axis).toBeCloseTo(value, 9);
      }
      expect([correction.pitchDeg, correction.rollDeg, correction.yawDeg]).toEqual([0, 0, 0]);
    },
  );

  test("a patient who lies 5 mm too far to his left is moved to his right by dragging his image to his right", () => {
    // docs/conventions.md: too_far_left gives lateral -5 head first and +5 feet first.
    const plane = planeThrough("axial", [12, -34, 56], { mmPerPx: 1, widthPx: 400, heightPx: 400 });
    const pose = shiftedOnScreen(UNCORRECTED, plane, dragShift(plane, -5, 0));
    const made = { kind: "drag", at: AT } as const;
    expect(moved(begun(SETUP, UNCORRECTED), pose, made).movements[0]!.correction.lateralMm).toBeCloseTo(
      -5,
      9,
    );
    const feetFirst = { ...SETUP, patientPosition: "FFS" } as const;
    expect(moved(begun(feetFirst, UNCORRECTED), pose, made).movements[0]!.correction.lateralMm).toBeCloseTo(
      5,
      9,
    );
  });

  test.each([
    // Seen from the feet, clockwise on the screen lowers the patient's left side, which is +X: +roll.
    ["axial", "rollDeg"],
    // Seen from the front (from above), clockwise is -yaw.
    ["coronal", "yawDeg"],
    // Seen from the patient's left, head up: clockwise brings the head to the right, to the back, down: -pitch.
    ["sagittal", "pitchDeg"],
  ] as const)(
    "a turn of the day's image clockwise on the %s view turns %s, about the isocentre",
    (view, axis) => {
      const plane = planeThrough(view, [0, 0, 0], { mmPerPx: 1, widthPx: 400, heightPx: 400 });
      const pose = turnedOnScreen(UNCORRECTED, plane, 2, SETUP.planIsocentreMm);
      const { correction } = moved(begun(SETUP, UNCORRECTED), pose, { kind: "key", at: AT }).movements[0]!;
      const expected = { rollDeg: 0, yawDeg: 0, pitchDeg: 0, [axis]: axis === "rollDeg" ? 2 : -2 };
      for (const [name, value] of Object.entries(expected)) {
        expect(correction[name as "rollDeg"], name).toBeCloseTo(value, 9);
      }
      expect(Math.hypot(correction.lateralMm, correction.longitudinalMm, correction.verticalMm)).toBeLessThan(
        1e-9,
      );
    },
  );
});

test("poses are the same only to the last digits", () => {
  expect(isSamePose(IDENTITY, translation([0, 0, 1e-12]))).toBe(true);
  expect(isSamePose(IDENTITY, translation([0, 0, 0.001]))).toBe(false);
});
