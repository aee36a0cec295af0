import { describe, expect, test } from "vitest";
import { actionOf } from "../../input/keymap";
import { AlignSession } from "./alignSession";
import type { DailyPictures, PlanningPictures } from "./documents";
import { doAction } from "./keys";
import { imageLabel } from "./standing";
import {
  forReviewWords,
  groundsOf,
  matchedGround,
  regionShifts,
  shiftsWords,
  sidesWords,
} from "./ultrasound";

const VOLUME = {
  size: [10, 10, 10],
  spacing_mm: [2, 2, 2],
  origin_mm: [-9, -9, -9],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  bytes: 2000,
  address: "/v",
  sha256: "ab",
};
const CT = [{ name: "soft", centre_hu: 40, width_hu: 400 }];
const ECHOES = [{ name: "all echoes", centre_hu: 127.5, width_hu: 255 }];
const REFERENCE = {
  volume: VOLUME,
  masks: { fan: VOLUME, shadow: null },
  taken_at: "2026-02-20",
  windows: ECHOES,
};

function planningOf(ultrasound: unknown = REFERENCE): PlanningPictures {
  return {
    volume: VOLUME,
    ultrasound,
    taken_at: "2026-02-20",
    patient_position: "HFS",
    isocentre_mm: [10, 20, 30],
    dose: null,
    no_dose_because: "",
    windows: CT,
  } as unknown as PlanningPictures;
}

function dailyOf(change: Partial<DailyPictures> = {}): DailyPictures {
  return {
    uid: "1.2",
    kind: "ultrasound",
    acquired_at: "2026-03-02T09:00:00Z",
    volume: VOLUME,
    ultrasound: { fan: VOLUME, shadow: null },
    matched_to: "ultrasound reference",
    views: [],
    machine_isocentre_mm: [0, 0, 0],
    uncorrected: [1, 0, 0, 10, 0, 1, 0, 20, 0, 0, 1, 30, 0, 0, 0, 1],
    windows: ECHOES,
    ...change,
  } as unknown as DailyPictures;
}

const opened = (planning = planningOf(), daily = dailyOf()) =>
  new AlignSession({ courseId: "C1", number: 1, uid: "1.2" }, planning, daily, null);

const press = (key: string) => ({
  key,
  code: `Key${key.toUpperCase()}`,
  ctrlKey: false,
  shiftKey: false,
  altKey: false,
  metaKey: false,
});

describe("what the day's image lies on", () => {
  test("ultrasound lies on its own reference first, and on the planning CT by choice", () => {
    expect(groundsOf(planningOf(), dailyOf())).toEqual(["ultrasound", "ct"]);
    expect(opened().ground.value).toBe("ultrasound");
  });

  test("without a reference there is only the planning CT", () => {
    expect(groundsOf(planningOf(null), dailyOf())).toEqual(["ct"]);
    expect(opened(planningOf(null)).ground.value).toBe("ct");
  });

  test("a cone-beam CT lies on the planning CT, whatever the simulation took besides", () => {
    expect(groundsOf(planningOf(), dailyOf({ kind: "volume", ultrasound: null }))).toEqual(["ct"]);
  });

  test("each has its own windows: brightness is no Hounsfield unit", () => {
    const session = opened();
    expect(session.look.planningWindow.value).toEqual({ centreHu: 127.5, widthHu: 255 });
    session.layOn("ct");
    expect(session.look.planningWindow.value).toEqual({ centreHu: 40, widthHu: 400 });
    expect(session.look.dailyWindow.value).toEqual({ centreHu: 127.5, widthHu: 255 });
    session.layOn("ultrasound");
    expect(session.look.planningWindow.value).toEqual({ centreHu: 127.5, widthHu: 255 });
  });

  test("N changes it and the pose stays", () => {
    const session = opened();
    const pose = session.hand.pose.value;
    for (const ground of ["ct", "ultrasound"]) {
      expect(doAction(session, actionOf(press("n"), false)!, "n")).toBe(true);
      expect(session.ground.value).toBe(ground);
    }
    expect(session.hand.pose.value).toEqual(pose);
  });

  test("N does nothing where there is no choice", () => {
    const session = opened(planningOf(null));
    doAction(session, actionOf(press("n"), false)!, "n");
    expect(session.ground.value).toBe("ct");
    session.layOn("ultrasound");
    expect(session.ground.value).toBe("ct");
  });

  test("F hides the edges of the fans", () => {
    const session = opened();
    expect(session.layers.fan.value).toBe(true);
    doAction(session, actionOf(press("f"), false)!, "f");
    expect(session.layers.fan.value).toBe(false);
  });

  test("what lies under it is seen through where sound did not reach; under a CT it is not", () => {
    expect(opened().look.look.value.seesThrough).toBe(true);
    const ct = opened(planningOf(), dailyOf({ kind: "volume", ultrasound: null }));
    expect(ct.look.look.value.seesThrough).toBe(false);
  });
});

describe("what is written of ultrasound", () => {
  test("a match to the CT is for review, one to its own reference is no warning", () => {
    const toCt = dailyOf({ matched_to: "planning CT" });
    expect(matchedGround(toCt)).toBe("ct");
    expect(forReviewWords(toCt)).toMatch(/^FOR REVIEW: .* never applied by itself/);
    expect(forReviewWords(dailyOf())).toBe("");
    expect(forReviewWords(dailyOf({ kind: "volume", matched_to: "planning CT" }))).toBe("");
  });

  test("the image is called what it is", () => {
    expect(imageLabel("ultrasound", "2026-03-02T09:00:00Z")).toMatch(/^Day's ultrasound, /);
    expect(imageLabel("volume", "2026-03-02T09:00:00Z")).toMatch(/^Day's CBCT, /);
  });
});

describe("what is left of the regions", () => {
  test("the one that would move most comes first, with its place seen from the isocentre", () => {
    const shifts = regionShifts(
      [
        { centre_mm: [10, 20, 30], shift_mm: [0, 0.3, 0] },
        { centre_mm: [22, 12, 30], shift_mm: [0, -3, 4] },
      ],
      [10, 20, 30],
    );
    expect(shifts.map(({ lengthMm }) => lengthMm)).toEqual([5, 0.3]);
    expect(shifts[0]!.fromIsocentreMm).toEqual([12, -8, 0]);
  });

  test("it is said in a sentence: how much half of them move, and the one that moves most", () => {
    const at = [10, 20, 30];
    const residuals = [0.2, 0.4, 1.5].map((mm) => ({ centre_mm: at, shift_mm: [mm, 0, 0] }));
    expect(shiftsWords(regionShifts(residuals, [10, 20, 30]))).toMatch(
      /3 regions would still move, half of them by 0\.4 mm or less, one by 1\.5 mm\. No couch corrects that/,
    );
    expect(shiftsWords([])).toBe("The match says nothing of single regions.");
  });

  test("LPS is written as sides: left, posterior and head are positive", () => {
    expect(sidesWords([12, -8, 0], 0)).toBe("12 L, 8 A");
    expect(sidesWords([-0.4, 3.21, -5], 1)).toBe("0.4 R, 3.2 P, 5.0 F");
    expect(sidesWords([0, 0, 0], 0)).toBe("");
  });
});
