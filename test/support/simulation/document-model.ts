import { parseName } from "../../../src/core/object.ts";
import type { AuthorizationModel } from "../../../src/model/authorization-model.ts";

const viewer = parseName("viewer", "relation");
const user = parseName("user", "type");
const document = parseName("document", "type");

/** Documents that users view, and nothing else. */
export const documentModel: AuthorizationModel = {
  schemaVersion: "1.1",
  types: new Map([
    [user, { name: user, relations: new Map() }],
    [
      document,
      {
        name: document,
        relations: new Map([
          [
            viewer,
            {
              name: viewer,
              rewrite: { kind: "this" },
              restrictions: [{ type: user, form: "object" }],
            },
          ],
        ]),
      },
    ],
  ]),
  conditions: new Map(),
  hasDelegations: false,
};
