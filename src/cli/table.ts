import { stripVTControlCharacters } from "node:util";

/** Rows under a head, in columns as wide as their widest cell. No line ends in blanks. */
export function drawTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  return alignColumns([head, ...rows], 2);
}

/** The rows as lines, with `gap` blanks between the columns. */
export function alignColumns(rows: readonly (readonly string[])[], gap: number): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, widthOf(cell));
    }
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) + gap - widthOf(cell)))
      .join("")
      .trimEnd(),
  );
}

const graphemes = new Intl.Segmenter();

/** In characters as people count them. Colours take no room. */
function widthOf(cell: string): number {
  return [...graphemes.segment(stripVTControlCharacters(cell))].length;
}
