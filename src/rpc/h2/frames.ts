/** Frames of HTTP/2 (RFC 9113), as far as both sides of this server read and write them. */
export const frameHeaderBytes = 9;
/** What either side may send until it is told otherwise. We tell nobody otherwise. */
export const frameBytesMax = 16_384;
export const preface: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = {
  endStream: 0x1,
  acknowledge: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

/** Codes of resets and of the end of a connection. */
export const h2Error = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  calm: 11,
} as const;

export type H2ErrorCode = (typeof h2Error)[keyof typeof h2Error];

export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export const windowBytesDefault = 65_535;
export const windowBytesMax: number = 2 ** 31 - 1;

export const emptyPayload: Buffer = Buffer.alloc(0);
