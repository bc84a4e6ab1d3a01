import { frameBytesMax, h2Error, setting, windowBytesMax, type H2ErrorCode } from "./frames.ts";

/** What a client sets that matters to us; absent where it says nothing of it. */
export interface ClientSettings {
  /** What it takes on a new stream. */
  readonly streamWindowBytes?: number;
  /** It keeps a smaller table than it would by default. */
  readonly refusesTable: boolean;
}

const tableBytesDefault = 4096;

/** The payload of a frame, or what is wrong with it. */
export function readSettings(
  bytes: Buffer,
  start: number,
  end: number,
): ClientSettings | { readonly code: H2ErrorCode } {
  if ((end - start) % 6 !== 0) return { code: h2Error.frameSize };
  let streamWindowBytes: number | undefined;
  let refusesTable = false;
  for (let at = start; at < end; at += 6) {
    const value = bytes.readUInt32BE(at + 2);
    switch (bytes.readUInt16BE(at)) {
      case setting.headerTableSize:
        refusesTable ||= value < tableBytesDefault;
        break;
      case setting.enablePush:
        if (value > 1) return { code: h2Error.protocol };
        break;
      case setting.initialWindowSize:
        if (value > windowBytesMax) return { code: h2Error.flowControl };
        streamWindowBytes = value;
        break;
      case setting.maxFrameSize:
        if (value < frameBytesMax || value >= 2 ** 24) return { code: h2Error.protocol };
        break;
      default:
        break;
    }
  }
  return streamWindowBytes === undefined ? { refusesTable } : { refusesTable, streamWindowBytes };
}
