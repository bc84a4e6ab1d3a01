/** The revocations of one arrangement, in milliseconds. */
export interface Series {
  readonly nodes: number;
  /** Of all nodes together. */
  readonly checksPerSecond: number;
  readonly returnMs: readonly number[];
  readonly denyMs: readonly number[];
  readonly allowedAfterReturn: number;
}

const boundsMs = [0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 500, Infinity];
const barWidth = 26;
const plotHeight = 90;
const rowHeight = plotHeight + 60;
const left = 20;

/** One row of bars an arrangement: until a node denies, and until the call returns. */
export function histogramSvg(series: readonly Series[]): string {
  const columnWidth = boundsMs.length * barWidth + 40;
  const rows = series.map((each, row) =>
    [
      bars(`${titleOf(each)}: commit to denial`, each.denyMs, left, row, "#2f6f4f"),
      bars(`${titleOf(each)}: call to return`, each.returnMs, left + columnWidth, row, "#5a4fa0"),
    ].join("\n"),
  );
  const width = left + 2 * columnWidth;
  const height = series.length * rowHeight + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="10">
<rect width="100%" height="100%" fill="white"/>
${rows.join("\n")}
</svg>
`;
}

function titleOf({ nodes, checksPerSecond }: Series): string {
  const load = checksPerSecond === 0 ? "idle" : `${checksPerSecond.toFixed(0)} checks/s`;
  return `${nodes} ${nodes === 1 ? "node" : "nodes"}, ${load}`;
}

function bars(
  title: string,
  valuesMs: readonly number[],
  x: number,
  row: number,
  colour: string,
): string {
  const top = row * rowHeight + 20;
  const counts = boundsMs.map(
    (bound, at) =>
      valuesMs.filter((value) => value <= bound && value > (boundsMs[at - 1] ?? -Infinity)).length,
  );
  const most = Math.max(1, ...counts);
  const shapes = counts.map((count, at) => {
    const height = (count / most) * plotHeight;
    const barX = x + at * barWidth;
    const label = boundsMs[at] === Infinity ? "more" : String(boundsMs[at]);
    return `<rect x="${barX}" y="${(top + 10 + plotHeight - height).toFixed(1)}" width="${barWidth - 3}" height="${height.toFixed(1)}" fill="${colour}"><title>${count}</title></rect>
<text x="${barX + barWidth / 2}" y="${top + plotHeight + 22}" text-anchor="middle">${label}</text>`;
  });
  return `<text x="${x}" y="${top}" font-weight="bold">${title}, ${valuesMs.length} samples (ms, up to)</text>
${shapes.join("\n")}`;
}
