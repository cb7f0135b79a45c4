/** Content of files: the same bytes for the same name, on every machine and in every run. */
import { createCipheriv, createHash } from "node:crypto";

/** Bytes that do not compress. No two names share a chunk. */
export function noise(name: string | number, length: number): Buffer {
  const key = createHash("sha256").update(`${name}`).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

const words = ["root", "layer", "chunk", "blob", "inode", "manifest", "whiteout", "digest"];
/** The shortest line has six bytes. */
const SHORTEST_LINE = 6;

/** Lines of text that compress to about a fifth, without a period. */
export function prose(name: string | number, length: number): Buffer {
  const choices = noise(name, 4 + Math.ceil(length / SHORTEST_LINE));
  const first = choices.readUInt32LE(0);
  let text = "";
  for (let line = 0; text.length < length; line++)
    text += `${words[choices.readUInt8(4 + line) & 7]} ${first + line}\n`;
  return Buffer.from(text.slice(0, length), "latin1");
}
