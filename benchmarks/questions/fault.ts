import { CheckRequestSchema } from "../../src/gen/prokura/v1/authorization_pb.ts";
import { fillTenant } from "../fill.ts";
import { encoded } from "../message.ts";
import { organisationModel, organisationOf, readCall } from "../organisation.ts";
import { loadQuestion, messagesNeeded, nodeTarget, type Topic } from "../question.ts";

const tenant = "faults";

/** Checks about people and files that the node has never been asked about: each waits for the database. */
export const fault: Topic = {
  name: "fault",
  preparationSeconds: 6,
  questions: 1,
  async prepare(bench) {
    const requests = bench.extent === "trial" ? 20 : 200;
    const people = messagesNeeded(bench, requests);
    const organisation = organisationOf(people * 100);
    await fillTenant(bench.node.client, tenant, organisationModel, organisation.tuples());
    const messages = Array.from({ length: people }, (_, person) =>
      encoded(CheckRequestSchema, {
        tenant,
        ...readCall(person, organisation.fileOf(person, 1)),
      }),
    );
    return [
      loadQuestion(bench, {
        name: "Check of what is not in memory, one caller",
        job: {
          ...nodeTarget(bench),
          connections: 1,
          inFlight: 1,
          requests,
          calls: [
            {
              path: "/prokura.v1.AuthorizationService/Check",
              expected: { kind: "allowed" },
              messages,
            },
          ],
        },
      }),
    ];
  },
};
