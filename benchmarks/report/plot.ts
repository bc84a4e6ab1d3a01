/** A diagram of lines in SVG, without anything that it would have to load. */
export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly PlotSeries[];
}

export interface Axis {
  readonly label: string;
  /** Where marks stand, in ascending order: the first and the last are the ends of the axis. */
  readonly marks: readonly { readonly value: number; readonly text: string }[];
  /** Where a value lies; only differences count. */
  readonly scale: (value: number) => number;
}

export interface PlotSeries {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const width = 720;
const height = 360;
const frame = { left: 70, right: 20, top: 40, bottom: 60 };
const colours = ["#2f6f4f", "#5a4fa0", "#b0602a", "#2a6fb0", "#a03f5f"];

export function plotSvg({ title, x, y, series }: Plot): string {
  const atX = positions(x, frame.left, width - frame.right);
  const atY = positions(y, height - frame.bottom, frame.top);
  const top = frame.top;
  const bottom = height - frame.bottom;
  const right = width - frame.right;
  const vertical = x.marks.map(({ value, text }) => {
    const at = fixed(atX(value));
    return (
      `<line x1="${at}" y1="${top}" x2="${at}" y2="${bottom}" stroke="#ddd"/>` +
      `<text x="${at}" y="${bottom + 16}" text-anchor="middle">${text}</text>`
    );
  });
  const horizontal = y.marks.map(({ value, text }) => {
    const at = fixed(atY(value));
    return (
      `<line x1="${frame.left}" y1="${at}" x2="${right}" y2="${at}" stroke="#ddd"/>` +
      `<text x="${frame.left - 6}" y="${at}" dy="4" text-anchor="end">${text}</text>`
    );
  });
  const lines = series.map(({ name, points }, index) => {
    const colour = colours[index % colours.length] ?? "black";
    const places = points.map((point) => [fixed(atX(point[0])), fixed(atY(point[1]))] as const);
    const path = places.map((place) => place.join(",")).join(" ");
    const dots = places.map(([px, py]) => `<circle cx="${px}" cy="${py}" r="3" fill="${colour}"/>`);
    const legendY = top + 14 + index * 16;
    return (
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join("")}` +
      `<text x="${frame.left + 10}" y="${legendY}" fill="${colour}" font-weight="bold">${name}</text>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
<text x="${frame.left}" y="22" font-size="14" font-weight="bold">${title}</text>
${[...vertical, ...horizontal, ...lines].join("\n")}
<text x="${(frame.left + right) / 2}" y="${height - 18}" text-anchor="middle">${x.label}</text>
<text transform="translate(16 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${y.label}</text>
</svg>
`;
}

/** What lies beyond the ends is drawn at the end. */
function positions({ marks, scale }: Axis, from: number, to: number): (value: number) => number {
  const first = scale(marks[0]?.value ?? 0);
  const last = scale(marks.at(-1)?.value ?? 1);
  return (value) => {
    const share = (scale(value) - first) / (last - first);
    return from + Math.min(1, Math.max(0, share)) * (to - from);
  };
}

function fixed(value: number): number {
  return Math.round(value * 10) / 10;
}
