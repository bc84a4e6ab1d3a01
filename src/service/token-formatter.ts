import { formatToken, type ConsistencyToken } from "../core/revision.ts";

/** As `formatToken`. */
export type FormatToken = (position: ConsistencyToken) => string;

/** Formats tokens, and remembers the last: between two writes all answers have the same. */
export function tokenFormatter(): FormatToken {
  let tenant = "";
  let timeline = "";
  let revision = -1;
  let text = "";
  return (position) => {
    if (
      revision !== position.revision ||
      tenant !== position.tenant ||
      timeline !== position.timeline
    ) {
      ({ tenant, timeline, revision } = position);
      text = formatToken(position);
    }
    return text;
  };
}
