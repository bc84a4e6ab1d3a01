import assert from "node:assert/strict";
import { after, suite, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { GeneratorProcess } from "../../../benchmarks/load/generator-process.ts";
import { shares, type Expected, type LoadJob } from "../../../benchmarks/load/job.ts";
import { startFloor } from "../../../benchmarks/servers/floor-process.ts";
import { CheckResponseSchema, Verdict } from "../../../src/gen/prokura/v1/authorization_pb.ts";

const path = "/prokura.v1.AuthorizationService/Check";
const denial = toBinary(
  CheckResponseSchema,
  create(CheckResponseSchema, { verdict: Verdict.DENIED }),
);
const floor = await startFloor("http2", path, denial);
const generator = new GeneratorProcess();
after(() => {
  floor[Symbol.dispose]();
  generator[Symbol.dispose]();
});

suite("GeneratorProcess", () => {
  test("a fast wrong answer is a failure", async () => {
    await assert.rejects(generator.run(job({ requests: 10 }, { kind: "allowed" })), /expected/);
  });

  test("each of a number of requests is answered once", async () => {
    const result = await generator.run(job({ requests: 250 }, { kind: "answered" }));
    assert.equal(result.answers, 250);
    assert.equal(result.wrong, 0);
    assert.ok(result.serverCpuUs > 0 && result.clientCpuUs > 0);
  });

  test("at a rate all requests are sent, and latencies ascend", async () => {
    const rate = { ratePerSecond: 2_000, requests: 300 };
    const result = await generator.run(job(rate, { kind: "answered" }));
    assert.equal(result.answers, 300);
    const us = result.latencies[0]?.us ?? [];
    assert.equal(us.length, shares.length);
    assert.deepEqual(
      us,
      us.toSorted((left, right) => left - right),
    );
  });

  test("several methods share a connection, each with its own latencies", async () => {
    const other = {
      path: `${path}Else`,
      messages: ["CgE="],
      expected: { kind: "answered" },
    } as const;
    const first = job({ requests: 100 }, { kind: "answered" });
    const mixed = { ...first, calls: [...first.calls, other], order: [0, 0, 0, 1] };
    const result = await generator.run(mixed);
    assert.deepEqual(
      result.latencies.map(({ answers }) => answers),
      [75, 25],
    );
  });
});

function job(part: Partial<LoadJob>, expected: Expected): LoadJob {
  return {
    kind: "unary",
    port: floor.port,
    token: "prokura_k_secret",
    calls: [{ path, messages: ["CgE=", "CgI="], expected }],
    order: [0],
    firstMessage: 0,
    connections: 2,
    inFlight: 4,
    warmUpSeconds: 0,
    seconds: 30,
    serverProcessId: floor.processId,
    ...part,
  };
}
