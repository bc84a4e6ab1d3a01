import fc from "fast-check";

const types = ["user", "group", "doc"] as const;
const relations = ["a", "b", "c"] as const;

const restriction = fc.constantFrom(
  ...types,
  "user:*",
  "user with c1",
  "user:* with c1",
  "group#a",
  "doc#a with c1",
);

const stored = fc
  .uniqueArray(restriction, { minLength: 0, maxLength: 4 })
  .map((entries) => `[${["user", ...entries.filter((entry) => entry !== "user")].join(", ")}]`);

/**
 * Small models in the OpenFGA language that are always valid: relation `a` is stored, later ones are
 * computed from earlier ones, `p` is a tupleset, and nothing recurs.
 */
export const generatedModel: fc.Arbitrary<string> = fc
  .record(
    {
      version: fc.constantFrom("1.1", "1.2"),
      group: typeBody("group"),
      doc: typeBody("doc"),
      conditions: fc.constantFrom(
        "condition c1(x: int, y: list<string>) {\n  x < 10 && 'a' in y\n}\n",
        'condition c1(x: map<string>, current_time: timestamp, y: string) {\n  x.all(n, n != y) &&\n  current_time > timestamp("2020-01-01T00:00:00Z")\n}\n',
        "condition c1(x: ipaddress, y: duration) {\n  x.in_cidr('10.0.0.0/8') || y > duration('1h')\n}\n",
      ),
    },
    { noNullPrototype: true },
  )
  .map(
    ({ version, group, doc, conditions }) =>
      `model\n  schema ${version}\n\ntype user\n${group}${doc}\n${conditions}`,
  );

function typeBody(type: "group" | "doc"): fc.Arbitrary<string> {
  return fc
    .tuple(stored, computed(["a", "p"], true), computed(["a", "b", "p"], true))
    .map(
      ([a, b, c]) =>
        `type ${type}\n  relations\n    define p: [group, doc]\n    define a: ${a}\n    define b: ${b}\n    define c: ${c}\n`,
    );
}

/** `this` may stand leftmost only. */
function computed(names: readonly string[], leftmost: boolean, depth = 2): fc.Arbitrary<string> {
  const leaves = names.flatMap((name) =>
    name === "p" ? relations.slice(0, 1).map((of) => `${of} from p`) : [name],
  );
  const leaf: fc.Arbitrary<string> = leftmost
    ? fc.oneof(fc.constantFrom(...leaves), stored)
    : fc.constantFrom(...leaves);
  if (depth === 0) return leaf;
  const inner = (first: boolean): fc.Arbitrary<string> =>
    computed(names, first, depth - 1).map((text) =>
      / (or|and|but not) /.test(text) ? `(${text})` : text,
    );
  return fc.oneof(
    leaf,
    fc
      .tuple(
        inner(leftmost),
        fc.constantFrom("or", "and"),
        fc.array(inner(false), { minLength: 1, maxLength: 2 }),
      )
      .map(([first, operator, rest]) => [first, ...rest].join(` ${operator} `)),
    fc.tuple(inner(leftmost), inner(false)).map((pair) => pair.join(" but not ")),
  );
}
