import { readFileSync } from "node:fs";
import { parseTupleText, type RelationTuple } from "../src/core/tuple.ts";

// An organisation as the stock model has it: departments of teams of people, folders of teams, files in
// folders, and for everybody an assistant that may use the file server in the team's folder. Everything
// follows from numbers, so that a million tuples are the same ones each time and need no memory.

const peopleOfTeam = 8;
const teamsOfDepartment = 8;
const foldersOfTeam = 4;
const tuplesOfPerson = 100;
const tool = "filesystem/read_text_file";

/** The stock model, in which the graph is. */
export const organisationModel: string = readFileSync(
  new URL("../schema/models/stock.fga", import.meta.url),
  "utf8",
);

export interface Organisation {
  readonly people: number;
  readonly files: number;
  /** So many as were asked for, about. */
  tuples(): Generator<RelationTuple>;
  /** The folder of the person's team. */
  folderOf(person: number): string;
  /** A file that the person sees by the team's folder, two folders up; `turn` says which. */
  fileOf(person: number, turn: number): string;
}

export function organisationOf(size: number): Organisation {
  const people = Math.max(peopleOfTeam, Math.round(size / tuplesOfPerson));
  const teams = Math.ceil(people / peopleOfTeam);
  const departments = Math.ceil(teams / teamsOfDepartment);
  // A file has its folder, its owner and, one in three, somebody else who sees it.
  const files = Math.max(people, Math.round(((size - people * 9) * 3) / 7));
  return {
    people,
    files,
    *tuples() {
      for (const line of linesOf({ people, teams, departments, files })) {
        yield parseTupleText(line, "tuple");
      }
    },
    folderOf: (person) => teamFolder(person % teams),
    fileOf(person, turn) {
      const team = person % teams;
      const inTeam = Math.max(1, Math.floor(files / teams));
      return fileId(team + teams * (turn % inTeam));
    },
  };
}

/** Part of a `CheckRequest`. */
export interface ReadCall {
  readonly principal: ObjectName;
  readonly actors: ObjectName[];
  readonly tool: ObjectName;
  readonly accesses: { readonly resource: ObjectName }[];
}

interface ObjectName {
  readonly type: string;
  readonly id: string;
}

/** May the person's assistant read the file with the file server's tool? It may, in the team's folder. */
export function readCall(person: number, file: string): ReadCall {
  return {
    principal: { type: "user", id: personId(person) },
    actors: [{ type: "agent", id: assistantId(person) }],
    tool: { type: "tool", id: tool },
    accesses: [{ resource: { type: "file", id: file } }],
  };
}

/** The tuples of one delegation, as `Delegate` would write them. */
export function delegationLines(
  id: string,
  person: number,
  delegate: string,
  resource: string,
): readonly string[] {
  return [
    `delegation:${id}#principal@user:${personId(person)}`,
    `delegation:${id}#delegator@user:${personId(person)}`,
    `delegation:${id}#delegate@agent:${delegate}`,
    `delegation:${id}#session@session:*`,
    `delegation:${id}#tool@mcp_server:filesystem`,
    `delegation:${id}#resource@${resource}`,
  ];
}

export function personId(person: number): string {
  return `person-${padded(person)}@example.com`;
}

export function assistantId(person: number): string {
  return `assistant-${padded(person)}`;
}

function teamFolder(team: number): string {
  return `folder:team-folder-${padded(team)}`;
}

interface Sizes {
  readonly people: number;
  readonly teams: number;
  readonly departments: number;
  readonly files: number;
}

function* linesOf({ people, teams, departments, files }: Sizes): Generator<string> {
  yield* [
    `tool:${tool}#server@mcp_server:filesystem`,
    `tool:${tool}#requires@permission:file/viewer`,
    `tool:${tool}#eligible@tier:read#member`,
    "mcp_server:filesystem#eligible@agent:*",
  ];
  for (let department = 0; department < departments; department += 1) {
    const group = `group:department-${padded(department)}`;
    yield `group:whole-company#member@${group}#member`;
    yield `folder:department-folder-${padded(department)}#viewer@${group}#member`;
  }
  for (let team = 0; team < teams; team += 1) {
    const department = padded(team % departments);
    yield `group:department-${department}#member@group:team-${padded(team)}#member`;
    yield `${teamFolder(team)}#parent@folder:department-folder-${department}`;
    yield `${teamFolder(team)}#editor@group:team-${padded(team)}#member`;
    for (let topic = 0; topic < foldersOfTeam; topic += 1) {
      yield `folder:topic-${topic}-${padded(team)}#parent@${teamFolder(team)}`;
    }
  }
  for (let person = 0; person < people; person += 1) {
    const team = person % teams;
    yield `group:team-${padded(team)}#member@user:${personId(person)}`;
    yield `tier:read#member@agent:${assistantId(person)}`;
    const id = `d-${padded(person)}-assistant`;
    yield* delegationLines(id, person, assistantId(person), teamFolder(team));
  }
  for (let file = 0; file < files; file += 1) {
    const team = file % teams;
    const turn = Math.floor(file / teams);
    const id = fileId(file);
    yield `file:${id}#parent@folder:topic-${turn % foldersOfTeam}-${padded(team)}`;
    yield `file:${id}#owner@user:${personId((team + teams * (turn % peopleOfTeam)) % people)}`;
    if (file % 3 === 0) yield `file:${id}#viewer@user:${personId((file * 31) % people)}`;
  }
}

/** As long as a UUID. */
function fileId(file: number): string {
  const text = Math.imul(file + 1, 0x9e37_79b1)
    .toString(16)
    .replace("-", "")
    .padStart(8, "0");
  return `${text}-4c1d-8a2b-9f00-${String(file).padStart(12, "0")}`;
}

function padded(number: number): string {
  return String(number).padStart(6, "0");
}
