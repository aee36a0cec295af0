import { structureStyle } from "../../overlay/structures";
import type { AlignSession } from "../../views/align/alignSession";
import type { ShadowState } from "../../views/align/shadow";

type Place = readonly number[];

/** Outlines and markers over a radiograph, in its pixels; they belong to the pose of the shadow. */
export function ShadowOverlay({ session, state }: { session: AlignSession; state: ShadowState }) {
  const shadow = state.shadow.value;
  const { columns, rows } = state.view;
  if (shadow === null) {
    return null;
  }
  const { isocentre, outlines, markers, were_markers_sought: wereSought } = shadow.overlays;
  const isStale = state.staleSinceMs.value !== null;
  // Whole numbers are the middles of pixels; those of SVG are their corners.
  const [x, y] = [(isocentre[0] ?? 0) + 0.5, (isocentre[1] ?? 0) + 0.5];
  return (
    <svg
      class={`radiograph-overlay${isStale ? " outdated" : ""}`}
      viewBox={`0 0 ${columns} ${rows}`}
      role="img"
      aria-label={isStale ? "Outlines of an older pose" : markerWords(markers, wereSought)}
    >
      {session.layers.structures.value
        ? outlines.map((outline) => {
            const { color } = structureStyle({
              color: outline.color as [number, number, number],
              kind: "organ",
              interpreted_type: "",
            });
            return (
              <g key={outline.name} fill="none">
                <path
                  d={outlinePath(outline.lines)}
                  stroke="#000"
                  stroke-width="3"
                  vector-effect="non-scaling-stroke"
                />
                <path
                  d={outlinePath(outline.lines)}
                  stroke={color}
                  stroke-width="1.5"
                  vector-effect="non-scaling-stroke"
                >
                  <title>{outline.name}</title>
                </path>
              </g>
            );
          })
        : null}
      <path
        class="isocentre"
        d={`M${x - 8} ${y}H${x + 8}M${x} ${y - 8}V${y + 8}`}
        vector-effect="non-scaling-stroke"
      />
      {markers.map((marker, index) => (
        <MarkerMark
          key={marker.name}
          marker={marker}
          tone={toneOf(marker, wereSought)}
          number={index + 1}
          textPx={columns / 36}
        />
      ))}
    </svg>
  );
}

interface Marker {
  readonly name: string;
  readonly expected: Place;
  readonly found: Place | null;
  readonly tolerance_px: number;
}

/** The tolerance about where a marker belongs, and a cross where it was found. */
function MarkerMark(props: {
  readonly marker: Marker;
  readonly tone: Tone;
  readonly number: number;
  readonly textPx: number;
}) {
  const { marker, tone, number, textPx } = props;
  const [x, y] = [(marker.expected[0] ?? 0) + 0.5, (marker.expected[1] ?? 0) + 0.5];
  return (
    <g class={`marker ${tone}`}>
      <circle cx={x} cy={y} r={marker.tolerance_px} vector-effect="non-scaling-stroke" />
      {marker.found === null ? null : <path d={crossPath(marker.found)} vector-effect="non-scaling-stroke" />}
      <text x={x + marker.tolerance_px + 2} y={y} font-size={textPx}>
        {number}
      </text>
    </g>
  );
}

/** What became of every marker, in words. */
export function MarkerList({ state }: { state: ShadowState }) {
  // Inside or outside is said of the pose on the screen, or not at all.
  const isStale = state.staleSinceMs.value !== null;
  const overlays = isStale ? undefined : state.shadow.value?.overlays;
  const { markers = [], were_markers_sought: wereSought = false } = overlays ?? {};
  if (!wereSought && markers.length > 0) {
    return <p class="marker-list">Markers where they are planned; the match does not look for them</p>;
  }
  return (
    <ol class="marker-list" hidden={markers.length === 0}>
      {markers.map((marker) => (
        <li key={marker.name} class={toneOf(marker, wereSought)}>
          {marker.name}: {TONE_WORDS[toneOf(marker, wereSought)].replace(" its tolerance", "")}
        </li>
      ))}
    </ol>
  );
}

type Tone = "inside" | "outside" | "missing" | "planned";

const TONE_WORDS: Readonly<Record<Tone, string>> = {
  inside: "inside its tolerance",
  outside: "outside its tolerance",
  missing: "not found",
  planned: "planned here, not looked for",
};

/** What became of a marker; one that the match did not look for is not lost. */
function toneOf(marker: Marker, wereSought: boolean): Tone {
  const inside = isInside(marker);
  if (inside === null) {
    return wereSought ? "missing" : "planned";
  }
  return inside ? "inside" : "outside";
}

/** Whether a marker was found within its tolerance; null where it was not found. */
export function isInside(marker: Marker): boolean | null {
  if (marker.found === null) {
    return null;
  }
  const apart = Math.hypot(
    (marker.found[0] ?? 0) - (marker.expected[0] ?? 0),
    (marker.found[1] ?? 0) - (marker.expected[1] ?? 0),
  );
  return apart <= marker.tolerance_px;
}

function markerWords(markers: readonly Marker[], wereSought: boolean): string {
  const words = markers.map((marker) => `${marker.name} ${TONE_WORDS[toneOf(marker, wereSought)]}`);
  return words.length === 0 ? "Outlines of the plan" : `Outlines of the plan; markers: ${words.join(", ")}`;
}

function crossPath(found: Place): string {
  const [x, y] = [(found[0] ?? 0) + 0.5, (found[1] ?? 0) + 0.5];
  return `M${x - 4} ${y - 4}L${x + 4} ${y + 4}M${x - 4} ${y + 4}L${x + 4} ${y - 4}`;
}

function outlinePath(lines: readonly (readonly Place[])[]): string {
  return lines
    .map((line) =>
      line
        .map(([x = 0, y = 0], at) => `${at === 0 ? "M" : "L"}${(x + 0.5).toFixed(1)} ${(y + 0.5).toFixed(1)}`)
        .concat("Z")
        .join(""),
    )
    .join("");
}
