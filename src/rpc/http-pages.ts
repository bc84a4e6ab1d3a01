import type { IncomingMessage, ServerResponse } from "node:http";
import { sendError } from "./http-unary.ts";
import type { ReportBug } from "./stream-check.ts";

/** Plain pages beside the API, for people and for what watches over processes. */
export interface HttpPages {
  /** What Prometheus scrapes. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Whether a check would be answered now. */
  readonly serves: () => boolean;
}

/** Answers a GET. `/healthz` says that the process runs, `/readyz` that it may be sent calls. */
export async function sendPage(
  pages: HttpPages,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  reportBug: ReportBug,
): Promise<void> {
  switch (path) {
    case "/healthz":
      sendText(200, "ok\n");
      return;
    case "/readyz":
      if (pages.serves()) sendText(200, "ready\n");
      else sendText(503, "not ready\n");
      return;
    case "/metrics":
      try {
        const { contentType, text } = await pages.metrics();
        sendText(200, text, contentType);
      } catch (error) {
        sendError(response, error, reportBug);
      }
      return;
    default:
      sendText(path.startsWith("/prokura.") ? 405 : 404, "not found, or only by POST\n");
  }

  function sendText(status: number, text: string, contentType = "text/plain; charset=utf-8"): void {
    response.writeHead(status, {
      "content-type": contentType,
      "content-length": Buffer.byteLength(text),
      ...(status === 405 ? { allow: "POST" } : {}),
    });
    response.end(request.method === "HEAD" ? "" : text);
  }
}
