import { describe, expect, test } from "vitest";
import { actionOf, type Binding, belongsToControl, chordOf, KEY_MAP, type KeyPress } from "./keymap";

function press(key: string, held: Partial<KeyPress> = {}): KeyPress {
  const code = /^[1-9]$/.test(key) ? `Digit${key}` : key.length === 1 ? `Key${key.toUpperCase()}` : key;
  return { key, code, ctrlKey: false, shiftKey: false, altKey: false, metaKey: false, ...held };
}

/** The press that a chord of the table describes, as a US keyboard sends it. */
function pressOf(chord: string): KeyPress {
  const ctrlKey = chord.startsWith("Ctrl+") && chord.length > 5;
  const rest = ctrlKey ? chord.slice(5) : chord;
  const shiftKey = rest.startsWith("Shift+") && rest.length > 6;
  const key = shiftKey ? rest.slice(6) : rest;
  const isShifted = key === "?" || key === "+";
  return press(shiftKey && key.length === 1 ? key.toUpperCase() : key, {
    ctrlKey,
    shiftKey: shiftKey || isShifted,
  });
}

describe("the key map", () => {
  test.each(KEY_MAP.map((binding): [string, Binding] => [`${binding.scope} ${binding.chord}`, binding]))(
    "%s does what its line says",
    (_, binding) => {
      if (binding.scope !== "navigate") {
        expect(actionOf(pressOf(binding.chord), true)).toBe(binding.action);
      }
      if (binding.scope !== "match") {
        expect(actionOf(pressOf(binding.chord), false)).toBe(binding.action);
      }
    },
  );

  test("no key has two meanings at a time", () => {
    for (const scope of ["match", "navigate"]) {
      const chords = KEY_MAP.filter((b) => b.scope === "always" || b.scope === scope).map((b) => b.chord);
      expect(new Set(chords).size).toBe(chords.length);
    }
  });

  test("keys that the browser owns are left alone", () => {
    const owned = [
      "Ctrl+w", "Ctrl+t", "Ctrl+n", "Ctrl+Tab", "Ctrl+PageUp", "Ctrl+PageDown", "Ctrl+r", "Ctrl+l", "Ctrl+p",
      "Ctrl+s", "Ctrl+f", "Ctrl+d", "Ctrl+h", "Ctrl+j", "Ctrl+k", "Ctrl++", "Ctrl+-", "Ctrl+0", "Ctrl+1",
      "Ctrl+Shift+t", "Ctrl+Shift+n", "Ctrl+Shift+w", "Ctrl+Shift+i", "Tab", "Shift+Tab", "Enter", " ",
      "F1", "F3", "F5", "F6", "F11", "F12", "Backspace",
    ]; // biome-ignore format: a list of keys reads as a list
    const used = new Set(KEY_MAP.map(({ chord }) => chord));
    expect(owned.filter((chord) => used.has(chord))).toEqual([]);
  });

  test("Alt and the command key belong to the browser: Alt+Left is Back, not a movement", () => {
    for (const isMatching of [true, false]) {
      expect(actionOf(press("ArrowLeft", { altKey: true }), isMatching)).toBeNull();
      expect(actionOf(press("z", { metaKey: true }), isMatching)).toBeNull();
    }
  });

  test("arrows move the patient's image only in match mode, and undo too", () => {
    expect(actionOf(press("q"), false)).toBeNull();
    expect(actionOf(press("z", { ctrlKey: true }), false)).toBeNull();
    expect(actionOf(press("Home"), false)).toBeNull();
  });

  test("Shift is 5 mm and 2°, Ctrl is 0.1 mm and 0.1°", () => {
    expect(actionOf(press("ArrowLeft", { shiftKey: true }), true)).toEqual({
      kind: "nudge", right: -1, down: 0, size: "coarse",
    }); // biome-ignore format: one object
    expect(actionOf(press("Q", { shiftKey: true }), true)).toMatchObject({ clockwise: -1, size: "coarse" });
    expect(actionOf(press("e", { ctrlKey: true }), true)).toMatchObject({ clockwise: 1, size: "fine" });
  });

  test("caps lock changes no letter, and digits count by their place on a French keyboard", () => {
    expect(chordOf(press("B"))).toBe("b");
    expect(chordOf(press("&", { code: "Digit1" }))).toBe("1");
  });
});

describe("what the focused control keeps", () => {
  test("a number that is typed is not a movement", () => {
    const text = { tagName: "INPUT", type: "text" };
    for (const key of ["ArrowLeft", "Home", "m", "1", "Enter", "-"]) {
      expect(belongsToControl(press(key), text)).toBe(true);
    }
    expect(belongsToControl(press("m"), { tagName: "DIV", isContentEditable: true })).toBe(true);
    expect(belongsToControl(press("m"), { tagName: "TEXTAREA" })).toBe(true);
  });

  test("a slider keeps its arrows and gives the letters", () => {
    const slider = { tagName: "INPUT", type: "range" };
    expect(belongsToControl(press("ArrowLeft"), slider)).toBe(true);
    expect(belongsToControl(press("m"), slider)).toBe(false);
  });

  test("a button keeps Enter and the space bar, so that a key never presses twice", () => {
    const button = { tagName: "BUTTON" };
    expect(belongsToControl(press("Enter"), button)).toBe(true);
    expect(belongsToControl(press("ArrowLeft"), button)).toBe(false);
    expect(belongsToControl(press("ArrowLeft"), null)).toBe(false);
  });
});
