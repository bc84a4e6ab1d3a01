import type { Field } from "./hpack-decoder.ts";

const texts: readonly string[] = [
  ":authority",
  ":method GET",
  ":method POST",
  ":path /",
  ":path /index.html",
  ":scheme http",
  ":scheme https",
  ":status 200",
  ":status 204",
  ":status 206",
  ":status 304",
  ":status 400",
  ":status 404",
  ":status 500",
  "accept-charset",
  "accept-encoding gzip, deflate",
  ..."accept-language accept-ranges accept access-control-allow-origin age allow authorization".split(
    " ",
  ),
  ..."cache-control content-disposition content-encoding content-language content-length".split(
    " ",
  ),
  ..."content-location content-range content-type cookie date etag expect expires from host".split(
    " ",
  ),
  ..."if-match if-modified-since if-none-match if-range if-unmodified-since last-modified".split(
    " ",
  ),
  ..."link location max-forwards proxy-authenticate proxy-authorization range referer".split(" "),
  ..."refresh retry-after server set-cookie strict-transport-security transfer-encoding".split(" "),
  ..."user-agent vary via www-authenticate".split(" "),
];

/** The fields that every connection knows from its start, the first of them with index 1 (RFC 7541, appendix A). */
export const staticFields: readonly Field[] = texts.map((text) => {
  const [name = "", ...value] = text.split(" ");
  return { name, value: value.join(" ") };
});
