import { signal } from "@preact/signals";
import { describe, expect, test } from "vitest";
import type { Vec3 } from "../../geometry/vector";
import { LookState } from "./look";

const CT = [
  { name: "soft", centre_hu: 40, width_hu: 400 },
  { name: "bone", centre_hu: 300, width_hu: 1500 },
];
const CBCT = [
  { name: "soft", centre_hu: 100, width_hu: 600 },
  { name: "bone", centre_hu: 500, width_hu: 2000 },
];

const made = () => new LookState(CT, CBCT, signal<Vec3>([1, 2, 3]));

describe("windows", () => {
  test("a preset is that of each image: cone-beam numbers are no Hounsfield units", () => {
    const look = made();
    look.preset(1);
    expect(look.planningWindow.value).toEqual({ centreHu: 300, widthHu: 1500 });
    expect(look.dailyWindow.value).toEqual({ centreHu: 500, widthHu: 2000 });
  });

  test("a preset that an image does not have leaves its window alone", () => {
    const look = made();
    look.preset(4);
    expect(look.planningWindow.value).toEqual({ centreHu: 40, widthHu: 400 });
  });

  test("one image alone can be changed", () => {
    const look = made();
    look.windowTarget.value = "daily";
    look.dragWindow(10, 0);
    look.preset(0);
    look.dragWindow(0, -10);
    expect(look.planningWindow.value).toEqual({ centreHu: 40, widthHu: 400 });
    expect(look.dailyWindow.value.centreHu).toBeGreaterThan(100);
  });
});

describe("modes", () => {
  test("C goes through the three mixes, and B comes back to the last one", () => {
    const look = made();
    look.nextColours();
    expect(look.mode.value).toBe("greenMagenta");
    look.show("difference");
    look.blend();
    expect(look.mode.value).toBe("greenMagenta");
    look.nextColours();
    look.nextColours();
    expect(look.mode.value).toBe("blend");
  });

  test("C from another mode shows the last mix first", () => {
    const look = made();
    look.show("checkerboard");
    look.nextColours();
    expect(look.mode.value).toBe("blend");
  });

  test("the flicker shows one image alone and forgets nothing", () => {
    const look = made();
    look.show("spyglass");
    look.flicker.value = "daily";
    expect(look.look.value.mode).toBe("daily");
    look.flicker.value = null;
    expect(look.look.value.mode).toBe("spyglass");
  });

  test("spyglass and split are at the crosshair until the pointer takes them elsewhere", () => {
    const look = made();
    expect(look.look.value.focusMm).toEqual([1, 2, 3]);
    look.focusMm.value = [9, 9, 9];
    expect(look.look.value.focusMm).toEqual([9, 9, 9]);
  });
});
