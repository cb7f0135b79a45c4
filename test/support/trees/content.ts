/** Bytes that look random and are the same on every machine. Copies of one block, shifted so that no two files agree. */
const block = xorshiftBlock(1 << 20, 0x9e3779b9);

/** Incompressible content: no two seeds below a million share a chunk. */
export function randomBytes(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  const shift = (seed * 7919) % block.length;
  for (let done = 0, at = shift; done < length; at = 0) {
    const piece = block.subarray(at, at + Math.min(block.length - at, length - done));
    bytes.set(piece, done);
    done += piece.length;
  }
  for (let at = 0; at < length; at += 4096) bytes.writeUInt8((bytes.readUInt8(at) ^ (seed + (at >>> 12))) & 0xff, at);
  return bytes;
}

/** Text that compresses to about a fifth. */
export function textBytes(length: number, seed: number): Buffer {
  const words = ["root", "layer", "chunk", "blob", "inode", "manifest", "whiteout", "digest"];
  let text = "";
  for (let i = seed; text.length < length; i += 7) text += `${words[(i * i + seed) % words.length]} ${i}\n`;
  return Buffer.from(text.slice(0, length), "latin1");
}

function xorshiftBlock(length: number, seed: number): Buffer {
  const words = new Uint32Array(length / 4);
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return Buffer.from(words.buffer);
}
