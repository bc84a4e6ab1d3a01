import { parseArgs } from "node:util";
import { measureMemory, type Loading } from "../memory.ts";

// Measures in a process of its own, whose heap has nothing else in it. Prints one line of JSON.

const { values } = parseArgs({
  options: { tuples: { type: "string" }, loading: { type: "string" } },
});
console.log(JSON.stringify(measureMemory(Number(values.tuples), loadingOf(values.loading))));

function loadingOf(text: string | undefined): Loading {
  switch (text) {
    case "objects":
    case "both":
    case "checks":
      return text;
    case undefined:
    default:
      throw new RangeError("--loading must be objects, both or checks");
  }
}
