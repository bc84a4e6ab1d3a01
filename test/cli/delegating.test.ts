import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { startServed, type Served } from "./served.ts";

suite("the commands about delegations", () => {
  let service: Served;
  before(async () => {
    service = await startServed();
    await service.done(
      "tuple write mcp_server:mail#eligible@agent:* mailbox:alice#owner@user:alice " +
        "tool:mail/send#server@mcp_server:mail tool:mail/send#eligible@agent:* " +
        "tool:mail/send#requires@permission:mailbox/sender " +
        "document:plan#parent@folder:work folder:work#owner@user:alice " +
        "tool:files/read#server@mcp_server:files tool:files/read#eligible@agent:* " +
        "tool:files/read#requires@permission:document/viewer mcp_server:files#eligible@agent:*",
    );
  });
  after(() => service[Symbol.asyncDispose]());

  async function delegate(words: string, ...more: readonly string[]): Promise<string> {
    const made = await service.done(`delegate --json ${words}`, ...more);
    return JSON.parse(made).delegations[0].id;
  }

  test("a consent allows, its revocation denies, and the exit code says so", async () => {
    const check =
      "check --principal user:alice --actor agent:mailbot --tool tool:mail/send --resource mailbox:alice";
    assert.equal((await service.prokura(check)).exitCode, 1);
    const id = await delegate(
      "--principal user:alice --delegate agent:mailbot --tool tool:mail/send --resource mailbox:alice --for 1h",
      "--purpose=answer the mail",
      "--label=team=a",
      "--consent-issuer=https://id.example",
    );
    const allowed = await service.prokura(check);
    assert.equal(allowed.exitCode, 0);
    assert.match(allowed.output, new RegExp(`^ALLOWED .*\n +by delegation +${id}\n +valid until`));
    assert.match(
      await service.done("tools list --principal user:alice --actor agent:mailbot"),
      /^tool:mail\/send\n$/,
    );
    assert.match(await service.done("delegations list --principal user:alice"), new RegExp(id));
    const shown = await service.done(`delegations get ${id}`);
    assert.match(shown, /delegate +agent:mailbot\n[^]*purpose +answer the mail\n/);
    assert.match(shown, /consent +https:\/\/id\.example\n +labels +team=a\n/);

    const dry = await service.prokura("revoke --actor agent:mailbot --dry-run");
    assert.match(dry.output, new RegExp(`would revoke 1 delegation\n +${id}`));
    assert.equal((await service.prokura(check)).exitCode, 0);
    await service.done("revoke --actor agent:mailbot --reason done");
    const denied = await service.prokura(`${check} --json`);
    assert.equal(denied.exitCode, 1);
    assert.equal(JSON.parse(denied.output).reason, "REASON_NO_DELEGATION");
    assert.equal((await service.prokura("revoke --actor agent:mailbot")).exitCode, 1);
    assert.equal((await service.prokura("revoke --reason because")).exitCode, 2);
  });

  test("a condition is given with the tool, and its parameters with the check", async () => {
    const id = await delegate(
      "--principal user:alice --delegate agent:bot2 --resource mailbox:alice --tool",
      'tool:mail/send if arguments_within {"allowed":["to=bob@example.com"]}',
    );
    const check =
      "check --principal user:alice --actor agent:bot2 --tool tool:mail/send --resource mailbox:alice";
    const right = `${check} --context arguments.to=bob@example.com`;
    assert.equal((await service.prokura(right)).exitCode, 0);
    const wrong = await service.prokura(`${check} --context arguments.to=eve@example.com`);
    assert.match(wrong.output, /condition_failed/);
    const missing = await service.prokura(check);
    assert.equal(missing.exitCode, 1);
    assert.match(missing.output, /context_missing[^]*--context arguments=…/);

    await service.done("suspend agent:bot2 --reason spam");
    const suspended = await service.prokura(right);
    assert.equal(suspended.exitCode, 1);
    assert.match(suspended.output, /suspended/);
    await service.done("resume agent:bot2 --all");
    assert.equal((await service.prokura(right)).exitCode, 0);
    assert.equal((await service.prokura("resume agent:bot2 --all")).exitCode, 1);
    assert.equal((await service.prokura("resume agent:bot2")).exitCode, 2);

    const past = await service.prokura(`renew ${id} --until 2000-01-01T00:00:00Z`);
    assert.equal(past.exitCode, 2);
    assert.match(await service.done(`renew ${id} --for 2h`), /expires +20\d\d-/);
    assert.equal((await service.prokura(`renew ${id} --for 2h --forever`)).exitCode, 2);
  });

  test("who let it is told link by link, and what goes with a link is told as well", async () => {
    const first = await delegate(
      "--principal user:alice --delegate agent:assistant --tool mcp_server:files " +
        "--resource folder:work --delegable-to agent:reader",
      "--purpose",
      "read up",
    );
    const second = await delegate(
      `--parent ${first} --delegate agent:reader --tool tool:files/read --resource document:plan --for 10m`,
    );
    const why = await service.prokura(
      "explain --principal user:alice --actor agent:assistant --actor agent:reader " +
        "--tool tool:files/read --resource document:plan",
    );
    assert.equal(why.exitCode, 0, why.output);
    assert.match(why.output, new RegExp(`by delegation +${first} → ${second}`));
    assert.match(why.output, /✓ .*document:plan#viewer@user:alice/);
    assert.match(why.output, /purpose +read up[^]*delegator +agent:assistant\n/);

    const gone = await service.done("revoke --principal user:alice --resource document:plan");
    assert.match(gone, /revoked 2 delegations/);
    assert.match(gone, new RegExp(`${first} .*\n +with it goes .*folder:work`));
    const denied = await service.prokura(
      "explain --principal user:alice --actor agent:assistant --tool tool:files/read --resource document:plan",
    );
    assert.match(denied.output, /DENIED {2}no_delegation/);
  });

  test("a wider delegation than its parent's is refused", async () => {
    const parent = await delegate(
      "--principal user:alice --delegate agent:narrow --tool tool:files/read " +
        "--resource document:plan --delegable-to agent:*",
    );
    const wider = await service.prokura(
      `delegate --parent ${parent} --delegate agent:reader --tool tool:files/read --resource folder:work`,
    );
    assert.equal(wider.exitCode, 2);
    assert.match(wider.errors, /attenuation_violated/);
  });
});
