import { parseCount, standing, type Flag } from "./flag.ts";
import { remark, type Online } from "./online.ts";

/** Of every list: complete, up to what a person can look at and a program should hold. */
export const limitFlag: Flag<number> = standing(
  { name: "limit", value: "N", meaning: "most elements to list" },
  parseCount,
  "100000",
);

/** Says how many there are, and that there are more where the limit cut the list off. */
export async function remarkCount(
  online: Online,
  count: number,
  more: boolean,
  noun: string,
): Promise<void> {
  const shown = `${count} ${noun}${count === 1 ? "" : "s"}`;
  await remark(online, more ? `${shown}, and more: raise --limit` : shown);
}
