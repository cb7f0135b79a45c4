import { seekTableBytes, ZERO_BLOB_BYTES, ZERO_BLOCK_BYTES, ZERO_FRAME_BYTES } from "@puzzlefs/format";

import { putSeekTable } from "./seekable.ts";

const frameMagic = 0xfd2fb528;
/** Header and the repeated byte. */
const rleBlockBytes = 4;
const rleBlock = 1;
const frameHeaderBytes = 9;

/**
 * The blob that holes refer to, a GiB of zeros in 50 kB, byte for byte as the format fixes it: frames of RLE blocks
 * (RFC 8878 §3.1.1) that do not depend on the version of a compression library.
 */
export function zeroBlob(): Buffer {
  const frame = zeroFrame();
  const frames = ZERO_BLOB_BYTES / ZERO_FRAME_BYTES;
  const sizes = Array.from({ length: frames }, () => ({ compressed: frame.length, decompressed: ZERO_FRAME_BYTES }));
  const blob = Buffer.alloc(frames * frame.length + seekTableBytes(frames));
  for (let index = 0; index < frames; index++) blob.set(frame, index * frame.length);
  putSeekTable(blob, frames * frame.length, sizes);
  return blob;
}

function zeroFrame(): Buffer {
  const blocks = ZERO_FRAME_BYTES / ZERO_BLOCK_BYTES;
  const frame = Buffer.alloc(frameHeaderBytes + blocks * rleBlockBytes);
  frame.writeUInt32LE(frameMagic, 0);
  // Single segment, content size in four bytes, no checksum, no dictionary.
  frame.writeUInt8(0xa0, 4);
  frame.writeUInt32LE(ZERO_FRAME_BYTES, 5);
  for (let block = 0; block < blocks; block++) {
    const last = block === blocks - 1 ? 1 : 0;
    frame.writeUIntLE((ZERO_BLOCK_BYTES << 3) | (rleBlock << 1) | last, frameHeaderBytes + block * rleBlockBytes, 3);
  }
  return frame;
}
