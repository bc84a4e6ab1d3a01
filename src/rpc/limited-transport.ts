import type { Transport } from "./call.ts";
import { costOf, type CallerBudgets } from "./caller-budgets.ts";

/**
 * The transport, with every request and stream counted and paid for by its caller before it is handled.
 * The messages of an `each` stream are not: one that cannot be paid for must not end the others, so their
 * handler does it.
 */
export function limitedTransport(transport: Transport, budgets: CallerBudgets): Transport {
  return {
    unary: (method, handler) =>
      transport.unary(method, (request, call) => {
        const budget = budgets.spend(call.caller, costOf(request));
        const answer = handler(request, call);
        return answer instanceof Promise ? budgets.wait(budget, answer) : answer;
      }),
    serverStream: (method, handler) =>
      transport.serverStream(method, async function* (request, call) {
        const close = budgets.open(call.caller);
        try {
          yield* handler(request, call);
        } finally {
          close();
        }
      }),
    clientStream: (method, handler) =>
      transport.clientStream(method, async (requests, call) => {
        const close = budgets.open(call.caller);
        try {
          return await handler(requests, call);
        } finally {
          close();
        }
      }),
    duplex: (method, handler) =>
      transport.duplex(method, async function* (requests, call) {
        const close = budgets.open(call.caller);
        try {
          yield* handler(requests, call);
        } finally {
          close();
        }
      }),
    each: (method, handler, inFlightMax) =>
      transport.each(method, handler, inFlightMax, (caller) => budgets.open(caller, 0)),
  };
}
