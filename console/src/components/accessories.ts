import type { Accessory } from "../api/documents";

const plainText = (text: string): string =>
  text.replaceAll("_", " ").trim().replace(/\s+/g, " ").toLowerCase();

/** One accessory in words: kind, label and its index on the couch. */
export const accessoryWords = (one: Accessory): string =>
  `${plainText(one.kind)} ${one.label}${one.index === "" ? "" : ` at index ${one.index}`}`;

/** What is on the couch as staff enter it: one line for each device that is expected. */
export interface EnteredDevice {
  expected: Accessory;
  label: string;
  index: string;
}

/** True where what was entered is what is expected; upper and lower case and spaces do not count. */
export const isAsExpected = ({ expected, label, index }: EnteredDevice): boolean =>
  plainText(label) === plainText(expected.label) && plainText(index) === plainText(expected.index);

/** Empty lines for the devices of a simulation. */
export const emptyDevices = (expected: readonly Accessory[]): EnteredDevice[] =>
  expected.map((one) => ({ expected: one, label: "", index: "" }));

/** What is sent of the entered lines: an empty label means that the device is not there. */
export const enteredAccessories = (entered: readonly EnteredDevice[]): Accessory[] =>
  entered
    .filter(({ label }) => label.trim() !== "")
    .map(({ expected, label, index }) => ({ kind: expected.kind, label: label.trim(), index: index.trim() }));
