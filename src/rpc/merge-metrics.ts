/** Metrics of one process in Prometheus's text format, and the labels that are to tell it from others. */
export interface MetricsOf {
  readonly labels: string;
  readonly text: string;
}

/** Puts the metrics of several processes into one text: each metric once, with the samples of all. */
export function mergeMetrics(all: readonly MetricsOf[]): string {
  const metrics = new Map<string, { readonly head: string[]; readonly samples: string[] }>();
  for (const { labels, text } of all) {
    let current = { head: [] as string[], samples: [] as string[] };
    const isNew = new Set<string>();
    for (const line of text.split("\n")) {
      const comment = /^# (?:HELP|TYPE) (\S+)/.exec(line);
      if (comment !== null) {
        const name = comment[1] ?? "";
        const known = metrics.get(name);
        if (known === undefined) isNew.add(name);
        current = known ?? { head: [], samples: [] };
        metrics.set(name, current);
        if (isNew.has(name)) current.head.push(line);
      } else if (line !== "") current.samples.push(labelled(line, labels));
    }
  }
  const lines = [...metrics.values()].flatMap(({ head, samples }) => [...head, ...samples]);
  return `${lines.join("\n")}\n`;
}

function labelled(sample: string, labels: string): string {
  const brace = sample.indexOf("{");
  const space = sample.indexOf(" ");
  if (brace >= 0 && brace < space) {
    return `${sample.slice(0, brace)}{${labels},${sample.slice(brace + 1)}`;
  }
  return `${sample.slice(0, space)}{${labels}}${sample.slice(space)}`;
}
