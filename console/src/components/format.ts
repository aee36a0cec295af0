/** What is written where there is no number. */
export const NOT_AVAILABLE = "not available";

const MINUS = "−";
/** Keeps a number and its unit on one line. */
const NBSP = "\u00a0";

/** A sentence of the service with true minus signs before its numbers, and nothing else changed. */
export const typeset = (words: string): string => words.replace(/(?<![^\s(])-(?=\d)/g, MINUS);

/** A value as documents hold it: absent, null, or a number. */
export type Maybe = number | null | undefined;

const isNumber = (value: Maybe): value is number => typeof value === "number" && Number.isFinite(value);

function digits(value: number, decimals: number): string {
  return Math.abs(value).toFixed(decimals);
}

/** A number with a true minus and fixed decimals; a rounded zero has no sign. */
export function plain(value: Maybe, decimals: number): string {
  if (!isNumber(value)) {
    return NOT_AVAILABLE;
  }
  const text = digits(value, decimals);
  return value < 0 && Number.parseFloat(text) !== 0 ? `${MINUS}${text}` : text;
}

/** A number that always says its sign; a rounded zero has none. */
export function signed(value: Maybe, decimals: number): string {
  if (!isNumber(value)) {
    return NOT_AVAILABLE;
  }
  const text = plain(value, decimals);
  return value > 0 && Number.parseFloat(text) !== 0 ? `+${text}` : text;
}

/** A shift or a reading in mm with its sign: `+1.2 mm`. */
export const shiftMm = (value: Maybe, decimals = 1): string =>
  isNumber(value) ? `${signed(value, decimals)}${NBSP}mm` : NOT_AVAILABLE;

/** A turn in degrees with its sign: `−0.4°`. */
export const turnDeg = (value: Maybe, decimals = 1): string =>
  isNumber(value) ? `${signed(value, decimals)}°` : NOT_AVAILABLE;

/** A length in mm, which has no sign: `2.0 mm`. */
export const lengthMm = (value: Maybe, decimals = 1): string =>
  isNumber(value) ? `${plain(value, decimals)}${NBSP}mm` : NOT_AVAILABLE;

/** The size of an angle: `1.0°`. */
export const sizeDeg = (value: Maybe, decimals = 1): string =>
  isNumber(value) ? `${plain(value, decimals)}°` : NOT_AVAILABLE;

/** A value of one of the six axes by its unit. */
export const axisValue = (value: Maybe, unit: "mm" | "°", decimals = 1): string =>
  unit === "mm" ? shiftMm(value, decimals) : turnDeg(value, decimals);

/** A standard deviation: `±0.3 mm`; a small one gets more digits and is never called zero. */
export function deviation(value: Maybe, unit: "mm" | "°"): string {
  if (!isNumber(value)) {
    return NOT_AVAILABLE;
  }
  const ending = unit === "mm" ? `${NBSP}mm` : "°";
  if (value < 0.005) {
    return `<${NBSP}±0.01${ending}`;
  }
  return `±${digits(value, value < 0.095 ? 2 : 1)}${ending}`;
}

/** A meterset: `123.4 MU`. */
export const meterset = (value: Maybe): string =>
  isNumber(value) ? `${plain(value, 1)}${NBSP}MU` : NOT_AVAILABLE;

/** A share of one: `97 %`. */
export const percent = (value: Maybe, decimals = 0): string =>
  isNumber(value) ? `${plain(value * 100, decimals)}${NBSP}%` : NOT_AVAILABLE;

/** Seconds: `0.8 s`. */
export const seconds = (value: Maybe, decimals = 1): string =>
  isNumber(value) ? `${plain(value, decimals)}${NBSP}s` : NOT_AVAILABLE;

/** What is left of a time: `4 min 05 s`; nothing below zero. */
export function remaining(value: Maybe): string {
  if (!isNumber(value)) {
    return NOT_AVAILABLE;
  }
  const whole = Math.max(0, Math.floor(value));
  const rest = String(whole % 60).padStart(2, "0");
  return whole < 60 ? `${whole}${NBSP}s` : `${Math.floor(whole / 60)}${NBSP}min ${rest}${NBSP}s`;
}

/** An estimate with its 95 % interval: `+1.2 mm (+0.8 to +1.6)`. */
export function estimate(
  value: { value: number; low: number; high: number } | null | undefined,
  unit: "mm" | "°",
  hasSign = true,
): string {
  if (!value || !isNumber(value.value)) {
    return NOT_AVAILABLE;
  }
  const write = hasSign ? signed : plain;
  const main = `${write(value.value, 1)}${unit === "mm" ? `${NBSP}mm` : "°"}`;
  return `${main} (${write(value.low, 1)} to ${write(value.high, 1)})`;
}

/** Number n of a course: `5 of 20`; `5` where nobody planned how many. */
export const ofTotal = (number: number, total: number | null): string =>
  total === null ? `${number}` : `${number} of ${total}`;

function dateOf(iso: string | null | undefined): Date | null {
  if (!iso) {
    return null;
  }
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? null : date;
}

const LOCALE = "en-GB";
const TIME: Intl.DateTimeFormatOptions = {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
};
const DAY: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric" };

/** A time of today in local time with its zone: `10:12:03 CET`. */
export function timeOfDay(iso: string | null | undefined): string {
  const date = dateOf(iso);
  return date === null ? NOT_AVAILABLE : new Intl.DateTimeFormat(LOCALE, TIME).format(date);
}

/** Day and time in local time with the zone: `29 Nov 2026, 10:12:03 CET`. */
export function dayAndTime(iso: string | null | undefined): string {
  const date = dateOf(iso);
  return date === null ? NOT_AVAILABLE : new Intl.DateTimeFormat(LOCALE, { ...DAY, ...TIME }).format(date);
}

/** A day in local time: `29 Nov 2026`. */
export function day(iso: string | null | undefined): string {
  const date = dateOf(iso);
  return date === null ? NOT_AVAILABLE : new Intl.DateTimeFormat(LOCALE, DAY).format(date);
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** A date of birth as DICOM has it (YYYYMMDD): `2 Jan 1950`. */
export function birthDate(text: string): string {
  const parts = /^(\d{4})(\d{2})(\d{2})$/.exec(text.trim());
  const month = MONTHS[Number(parts?.[2] ?? 0) - 1];
  if (parts === null || month === undefined) {
    return text.trim() === "" ? NOT_AVAILABLE : text;
  }
  return `${Number(parts[3])}${NBSP}${month}${NBSP}${parts[1]}`;
}

/** A name as DICOM has it (FAMILY^GIVEN^MIDDLE): `FAMILY, GIVEN MIDDLE`. */
export function personName(text: string): string {
  const [family = "", ...given] = text.split("^").map((part) => part.trim());
  const rest = given.slice(0, 2).filter(Boolean).join(" ");
  const name = [family, rest].filter(Boolean).join(", ");
  return name === "" ? NOT_AVAILABLE : name;
}

/** How much a file is: `3.4 MB`. */
export function fileSize(bytes: number): string {
  if (bytes < 1000) {
    return `${bytes}${NBSP}B`;
  }
  return bytes < 1e6 ? `${plain(bytes / 1e3, 0)}${NBSP}kB` : `${plain(bytes / 1e6, 1)}${NBSP}MB`;
}

/** `1 image`, `2 images`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count}${NBSP}${count === 1 ? one : many}`;

/**
 * Read a number that somebody typed: a point or a comma, any minus; null where it is none.
 *
 * Thousands are not grouped: `1,234` is one and a bit, as anywhere a comma is typed for a point.
 */
export function typedNumber(text: string): number | null {
  const clean = text.trim().replace(/[−–]/, "-").replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(clean) ? Number.parseFloat(clean) : null;
}
