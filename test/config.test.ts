import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { formatOptions, formatOptionTable, parseConfig } from "../src/config.ts";

suite("parseConfig", () => {
  test("a flag goes before the environment, and that before the default", () => {
    const environment = { PROKURA_GRPC_LISTEN: "127.0.0.1:1", PROKURA_HTTP_LISTEN: "localhost:2" };
    const config = parseConfig(["--grpc-listen", "[::1]:3"], environment);
    assert.deepEqual(config.grpcListen, { host: "::1", port: 3 });
    assert.deepEqual(config.httpListen, { host: "localhost", port: 2 });
    assert.equal(config.leaseServeMs, 8000);
    assert.equal(config.databaseUrl, undefined);
  });

  test("sizes and lengths of time are given with their unit", () => {
    const config = parseConfig(
      ["--memory-max=2GiB", "--history", "36h", "--context-max=16KiB"],
      {},
    );
    assert.equal(config.memoryBytesMax, 2 * 1024 ** 3);
    assert.equal(config.historyMs, 36 * 3_600_000);
    assert.equal(config.contextBytesMax, 16_384);
  });

  test("an empty variable is one that is not set", () => {
    assert.equal(parseConfig([], { DATABASE_URL: "" }).databaseUrl, undefined);
  });

  const refused: readonly (readonly [readonly string[], Record<string, string>, RegExp])[] = [
    [["--no-such"], {}, /^`--no-such` is no flag of this version: see `prokura serve --help`/],
    [["--no-such=x"], {}, /^`--no-such` is no flag/],
    [["-x"], {}, /^`-x` is no flag/],
    [["stray"], {}, /^`stray` belongs to no flag: values are written as --flag value/],
    [["--", "--workers"], {}, /^`--workers` belongs to no flag/],
    [["--grpc-listen"], {}, /^--grpc-listen must be followed by its value: host:port, the port/],
    [["--node-name", "--workers=2"], {}, /^--node-name must be .*written as --node-name=value$/],
    [["--insecure-listen=maybe"], {}, /^--insecure-listen must be true or false, got `maybe`$/],
    [["--grpc-listen", "nowhere"], {}, /^--grpc-listen must be host:port.*got `nowhere`$/],
    [["--grpc-listen", "127.0.0.1:70000"], {}, /^--grpc-listen must be/],
    [[], { PROKURA_HISTORY: "7" }, /^PROKURA_HISTORY must be a length of time.*got `7`$/],
    [["--depth-max", "65"], {}, /^--depth-max must be a whole number from 1 to 64/],
    [["--log-level", "loud"], {}, /^--log-level must be one of trace, debug/],
    [["--lease-kill", "11s"], {}, /^--lease-kill must be at least 1.5 times/],
    [["--lease-renew", "3s"], {}, /^--lease-renew must be at most a quarter/],
    [["--delegation-lifetime", "31d"], {}, /^--delegation-lifetime must be at most/],
    [["--grpc-listen", "0.0.0.0:7450"], {}, /^--insecure-listen must be given.*0\.0\.0\.0:7450/],
    [["--tls-cert", "cert.pem"], {}, /^--tls-cert and --tls-key must be given together/],
    [["--tls-client-ca", "ca.pem"], {}, /^--tls-client-ca needs --tls-cert/],
    [
      ["--tls-cert=c", "--tls-key=k", "--grpc-server=grpc-js"],
      {},
      /^--grpc-server must be own or http2 with --tls-cert/,
    ],
    [["--http-listen", "[::]:7451"], {}, /^--insecure-listen must be given.*\[::\]:7451/],
  ];
  for (const [args, environment, message] of refused) {
    test(`refuses ${[...args, JSON.stringify(environment)].join(" ")}`, () => {
      assert.throws(() => parseConfig(args, environment), { code: "malformed", message });
    });
  }

  test("a switch stands alone or with its value, and a value may begin with a dash", () => {
    const config = parseConfig(["--insecure-listen=false", "--node-name=-n"], {});
    assert.equal(config.insecureListen, false);
    assert.equal(config.nodeName, "-n");
    assert.equal(parseConfig(["--insecure-listen", "--workers", "2"], {}).insecureListen, true);
  });

  test("a wrong database URL is refused without showing it", () => {
    assert.throws(
      () => parseConfig([], { DATABASE_URL: "mysql://root:secret@host/db" }),
      (error) =>
        error instanceof Error &&
        error.message.startsWith("DATABASE_URL must be") &&
        !error.message.includes("secret"),
    );
  });

  test("other machines are listened to where callers must show who they are", () => {
    const args = ["--grpc-listen", "0.0.0.0:0", "--authentication", "required"];
    assert.equal(parseConfig(args, {}).authentication, "required");
  });

  test("other machines are listened to only in so many words", () => {
    const config = parseConfig(["--grpc-listen", "0.0.0.0:0", "--insecure-listen"], {});
    assert.equal(config.insecureListen, true);
    assert.equal(config.grpcListen.host, "0.0.0.0");
  });
});

suite("the options' help", () => {
  test("names every option with its variable, in both forms", () => {
    const names = Object.keys(parseConfig([], {})).length;
    assert.equal(formatOptions().match(/^ {2}--/gm)?.length, names);
    assert.equal(formatOptionTable().split("\n").length, names + 2);
    assert.match(formatOptions(), /--data-dir \(PROKURA_DATA_DIR\)/);
  });
});
