import { ApiError } from "../client/api-error.ts";
import { severityName } from "../client/enum-name.ts";
import { DomainError, type ErrorFacts } from "../core/error.ts";
import { paintFor } from "./paint.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Why there is no answer, as it is told. */
interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly field: string;
  /** With `not_enforced`. */
  readonly token: string;
  readonly names: readonly string[];
  /** Of an import. */
  readonly cursor: string;
  readonly findings: readonly ShownFinding[];
}

interface ShownFinding {
  readonly severity: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint: string;
}

/** Tells on the error output why a command failed: one JSON document with `--json`. */
export async function reportFailure(
  cause: unknown,
  terminal: Terminal,
  form: "text" | "json",
): Promise<void> {
  const failure = failureOf(cause, terminal);
  if (form === "json") {
    await terminal.errors.write(`${JSON.stringify({ error: failure })}\n`);
    return;
  }
  const paint = paintFor(terminal, "errors");
  const lines = [
    `${paint.bad("error:")} ${headline(failure)} ${paint.faint(`(${failure.code})`)}`,
    ...failure.findings.map(formatFinding),
    ...(failure.hint === "" ? [] : [`${paint.strong("hint:")} ${failure.hint}`]),
  ];
  for (const line of lines) await terminal.errors.write(`${printable(line)}\n`);
}

/** Findings stand on lines of their own, where the message has the first of them in itself. */
function headline({ message, findings }: Failure): string {
  const colon = message.indexOf(": ");
  return findings.length > 0 && colon > 0 ? message.slice(0, colon) : message;
}

export function formatFinding({
  file,
  line,
  column,
  severity,
  message,
  hint,
}: ShownFinding): string {
  const place = `${file === "" ? "model" : file}:${line}:${column}`;
  return `  ${place}: ${severity}: ${message}${hint === "" ? "" : `; ${hint}`}`;
}

function failureOf(cause: unknown, terminal: Terminal): Failure {
  if (cause instanceof DomainError) return failureOfDomain(cause);
  if (cause instanceof ApiError) return failureOfApi(cause, terminal);
  // A fault of this program: the trace is what a report of it needs.
  const message = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return { ...nothing, code: "internal", message: message.replaceAll("\n", "\n  ") };
}

const nothing = {
  message: "",
  hint: "",
  field: "",
  token: "",
  names: [],
  cursor: "",
  findings: [],
};

function failureOfDomain({ code, message, facts }: DomainError): Failure {
  const {
    findings = [],
    hint = "",
    field = "",
    token = "",
    names = [],
    cursor = "",
  }: ErrorFacts = facts;
  return {
    code,
    message,
    hint,
    field,
    token,
    names,
    cursor,
    findings: findings.map((finding) => ({
      severity: "error",
      file: finding.file ?? "",
      line: finding.line,
      column: finding.column,
      message: finding.message,
      hint: finding.hint,
    })),
  };
}

function failureOfApi(error: ApiError, terminal: Terminal): Failure {
  const { code, detail } = error;
  return {
    code,
    message: isUnreached(error) ? unreachedMessage(error) : error.message,
    hint: detail?.hint || hintFor(error, terminal),
    field: detail?.field ?? "",
    token: detail?.token ?? "",
    names: detail?.names ?? [],
    cursor: detail?.cursor ?? "",
    findings: (detail?.findings ?? []).map((finding) => ({
      severity: severityName(finding.severity),
      file: finding.module,
      line: finding.line,
      column: finding.column,
      message: finding.message,
      hint: finding.hint,
    })),
  };
}

/** No server took the call: what the transport says of it is meant for programmers. */
function isUnreached({ code, detail }: ApiError): boolean {
  return code === "not_serving" && detail === undefined;
}

function unreachedMessage({ message }: ApiError): string {
  const [, why = message] = /Last error: (?:Error: )?(.*?)\. Resolution note/.exec(message) ?? [];
  return `no server answers: ${why}`;
}

/** What to do where the server did not say. */
function hintFor(error: ApiError, terminal: Terminal): string {
  const { code, detail } = error;
  switch (code) {
    case "not_serving": {
      if (!isUnreached(error)) return "try again in a moment";
      const named = terminal.environment["PROKURA_ADDRESS"] ?? "";
      const where = named === "" ? "" : ` (PROKURA_ADDRESS is ${named})`;
      return `start a server with \`prokura serve\`, or say with --address where one is${where}`;
    }
    case "deadline_exceeded":
      return "give it more time with --timeout";
    case "not_enforced":
      return `it is committed: wait for the nodes with \`prokura wait ${detail?.token ?? "TOKEN"}\``;
    case "outcome_unknown":
      return "read what is stored before you try again";
    case "context_missing":
      return `give them with --context ${detail?.names[0] ?? "name"}=value`;
    case "tenant_not_found":
      return "`prokura tenant list` shows those there are";
    case "model_missing":
      return "write one with `prokura model write FILE`";
    case "write_conflict":
      return "nothing was written: try again";
    case "tuple_exists":
      return "leave out --create to store it in place of the one that is there";
    default:
      return "";
  }
}
