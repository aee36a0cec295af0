import type { Signal } from "@preact/signals";
import { FUSION_MODES, type FusionMode, type GreyWindow } from "../../engine/look";
import type { WindowPreset } from "../../views/align/documents";
import { type LookState, MODE_WORDS, type WindowTarget } from "../../views/align/look";

const KEYS: Readonly<Record<FusionMode, string>> = {
  blend: "B",
  greenMagenta: "C",
  grey: "C",
  checkerboard: "K",
  split: "L",
  spyglass: "G",
  difference: "D",
  planning: "P",
  daily: "V",
};

/** How the two images are shown over one another; `hasCompare`: whether a position can be compared with the engine's. */
export function FusionTools({ look, hasCompare = true }: { look: LookState; hasCompare?: boolean }) {
  const mode = look.mode.value;
  return (
    <section class="tool-group" aria-label="Fusion">
      <fieldset class="modes">
        <legend>Fusion</legend>
        {FUSION_MODES.map((one) => (
          <label key={one} class={one === mode ? "chosen" : ""}>
            <input type="radio" name="fusion" checked={one === mode} onChange={() => look.show(one)} />
            <span>{MODE_WORDS[one]}</span>
            <kbd>{KEYS[one]}</kbd>
          </label>
        ))}
      </fieldset>
      <ModeSettings look={look} mode={mode} />
      <p class="small dim">
        Hold <kbd>T</kbd>: planning and day in turn.
        {hasCompare ? (
          <>
            {" "}
            Hold <kbd>A</kbd>: your position and the automatic result.
          </>
        ) : null}
      </p>
      <Windows look={look} />
    </section>
  );
}

function ModeSettings({ look, mode }: { look: LookState; mode: FusionMode }) {
  switch (mode) {
    case "blend":
    case "greenMagenta":
    case "grey":
      return <Slider label="Planning – day" of={look.balance} min={0} max={1} step={0.05} unit="" />;
    case "checkerboard":
      return <Slider label="Squares" of={look.squareMm} min={5} max={100} step={5} unit="mm" />;
    case "spyglass":
      return <Slider label="Radius" of={look.spyglassRadiusMm} min={10} max={120} step={5} unit="mm" />;
    case "split":
      return (
        <label class="check">
          <input
            type="checkbox"
            checked={look.splitLine.value === "horizontal"}
            onChange={(event) => {
              look.splitLine.value = event.currentTarget.checked ? "horizontal" : "vertical";
            }}
          />
          <span>Split above and below</span>
        </label>
      );
    default:
      return null;
  }
}

interface SliderProps {
  readonly label: string;
  readonly of: Signal<number>;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly unit: string;
}

function Slider({ label, of, min, max, step, unit }: SliderProps) {
  return (
    <label class="slider">
      <span>
        {label} {unit === "" ? `${Math.round(of.value * 100)} %` : `${of.value} ${unit}`}
      </span>
      <input
        type="range"
        min={min}
        max={max}
        step={step}
        value={of.value}
        onInput={(event) => {
          of.value = event.currentTarget.valueAsNumber;
        }}
      />
    </label>
  );
}

function Windows({ look }: { look: LookState }) {
  return (
    <fieldset class="windows">
      <legend>
        Window and level (<kbd>W</kbd>, <kbd>1</kbd>–<kbd>5</kbd>)
      </legend>
      <label class="target">
        <span>Change</span>
        <select
          class="input"
          value={look.windowTarget.value}
          onChange={(event) => {
            look.windowTarget.value = event.currentTarget.value as WindowTarget;
          }}
        >
          <option value="both">both images</option>
          <option value="planning">planning only</option>
          <option value="daily">day only</option>
        </select>
      </label>
      <Window label="Plan" of={look.planningWindow} presets={look.planningPresets.value} />
      <Window label="Day" of={look.dailyWindow} presets={look.dailyPresets} />
    </fieldset>
  );
}

function Window(props: {
  readonly label: string;
  readonly of: Signal<GreyWindow>;
  readonly presets: readonly WindowPreset[];
}) {
  const { label, of, presets } = props;
  const { centreHu, widthHu } = of.value;
  const chosen = presets.findIndex((one) => one.centre_hu === centreHu && one.width_hu === widthHu);
  return (
    <label class="target">
      <span>{label}</span>
      <select
        class="input"
        value={String(chosen)}
        onChange={(event) => {
          const preset = presets[Number(event.currentTarget.value)];
          of.value =
            preset === undefined ? of.peek() : { centreHu: preset.centre_hu, widthHu: preset.width_hu };
        }}
      >
        {chosen < 0 ? <option value="-1">{windowWords(widthHu, centreHu)}</option> : null}
        {presets.map((preset, index) => (
          <option key={preset.name} value={String(index)}>
            {`${index < 5 ? `${index + 1} ` : ""}${preset.name} (${windowWords(preset.width_hu, preset.centre_hu)})`}
          </option>
        ))}
      </select>
    </label>
  );
}

const windowWords = (widthHu: number, centreHu: number): string =>
  `W ${Math.round(widthHu)} L ${Math.round(centreHu)}`;
