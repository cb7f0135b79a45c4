/** The verdict of the generated TypeScript on an object of an image; harness.c prints that of the generated C. */
import { FormatError } from "@puzzlefs/format";
import { fileType, statMode } from "../../packages/format/src/generated/device.ts";
import {
  checkRunEnd,
  contentBytes,
  fileSize,
  findChunk,
  findVerity,
} from "../../packages/format/src/generated/content.ts";
import { findName, nextName } from "../../packages/format/src/generated/directories.ts";
import { checkInode, checkOutline, checkParent } from "../../packages/format/src/generated/firstuse.ts";
import {
  countRecords,
  findInodeRecord,
  openLayers,
  resolveInode,
  ROOT_INO,
} from "../../packages/format/src/generated/layers.ts";
import {
  DESCRIPTOR_NONE,
  findRootfs,
  manifestStart,
  nextDescriptor,
} from "../../packages/format/src/generated/manifest.ts";
import { indexNames } from "../../packages/format/src/generated/nameindex.ts";
import { Rootfs } from "../../packages/format/src/generated/metadata.ts";
import type { BlobRef, FileChunk, Inode } from "../../packages/format/src/generated/metadata.ts";
import {
  findFrame,
  readSeekFooter,
  readSeekTable,
  seekTableBytes,
  writeSeekTable,
} from "../../packages/format/src/generated/seektable.ts";
import { recordedLinks, recordsTree } from "../../packages/format/src/generated/recorded.ts";
import { checkEncoding, validate } from "../../packages/format/src/generated/validate.ts";
import type { Summary } from "../../packages/format/src/generated/validate.ts";
import { MAX_SEGMENTS, openMessage, structField } from "../../packages/format/src/generated/wire.ts";
import type { Message } from "../../packages/format/src/generated/wire.ts";
import { manifestScratch } from "../../packages/format/src/open.ts";
import { Bytes } from "../../packages/format/src/runtime.ts";
import type { StructList } from "../../packages/format/src/struct-list.ts";
import { Dumper } from "./dump.ts";
import { bundleText, packedManifestText, placeTableText } from "./packed-text.ts";
import { readStructs } from "./spec.ts";

export type ObjectKind = "metadata" | "manifest" | "seek-table" | "packed-manifest" | "bundle" | "place-table";

const dumper = new Dumper(await readStructs());

/** The output for a refused message, as in harness.c. */
const REFUSED = { elements: 2048, bytes: 65536 };
const WHOLE = { elements: Infinity, bytes: Infinity };

function refusal(error: unknown): string {
  if (!(error instanceof FormatError)) throw error;
  return `refused ${error.rule} ${error.kind} ${error.inode} ${error.offset}\n`;
}

/** The text, or the refusal of the rule that was found broken on the way. */
function judged(work: () => string): string {
  try {
    return work();
  } catch (error) {
    return refusal(error);
  }
}

/** Where runs end too late, as if every blob ended with the first run. */
function lateEnds(inode: Inode, chunks: StructList<FileChunk>): string {
  const ends = Array.from(chunks, ({ blob, len }) => blob.offset + len);
  const late = ends.map((end) => judged(() => (checkRunEnd(end, ends[0] ?? 0, inode.ino), "")));
  return late.join("");
}

const hexOf = (bytes: Bytes): string => Buffer.from(bytes.toUint8Array()).toString("hex");

/** The fs-verity digest that the image records for a blob. */
function recorded(image: Rootfs, { digest }: BlobRef): string {
  const verity = findVerity(image, digest);
  return `${verity === undefined ? "-" : hexOf(verity)}\n`;
}

function chunkLine(image: Rootfs, inode: Inode): string {
  const chunks = inode.mode.file;
  const size = fileSize(chunks);
  const third = Math.floor(size / 3);
  const places = [0, 1, third, Math.floor(size / 2), Math.max(size - 1, 0), size, size + 1].map((offset) => {
    const { index, start } = findChunk(chunks, offset);
    return `${index}:${start}`;
  });
  const blobs = Array.from(chunks, ({ blob }) => recorded(image, blob));
  return `size ${size} ${places.join(" ")}\n${blobs.join("")}${lateEnds(inode, chunks)}`;
}

/** One directory as nextName lists it. */
function* names(image: Rootfs, dir: number): Generator<NonNullable<ReturnType<typeof nextName>>> {
  for (let cookie = 0; ;) {
    const listed = nextName(image, dir, cookie);
    if (listed === undefined) return;
    yield listed;
    ({ cookie } = listed);
  }
}

function listing(image: Rootfs, index: Uint32Array): string {
  const layers = openLayers(image);
  const lookUp = (dir: number, name: Bytes): number => {
    const directory = resolveInode(layers, dir);
    return directory === undefined ? 0 : (findName(layers, index, directory, name)?.inode.ino ?? 0);
  };
  const lines: string[] = [];
  const queue = [ROOT_INO];
  for (const dir of queue) {
    lines.push(`dir ${dir}\n`);
    for (const { cookie, entry, ordinal, inode } of names(image, dir)) {
      const { name } = entry;
      const modes = `${fileType(inode).toString(8)} ${statMode(inode).toString(8)}`;
      const found = `${lookUp(dir, name)} ${lookUp(dir, name.slice(1, name.length))}`;
      lines.push(`${cookie} ${hexOf(name)} ${entry.ino} ${ordinal} ${inode.ino} ${modes} ${found}\n`);
      if (inode.mode.kind === "file") lines.push(chunkLine(image, inode));
      if (inode.mode.kind === "dir") queue.push(inode.ino);
    }
  }
  return lines.join("");
}

function* records(image: Rootfs): Generator<Inode> {
  for (const layer of image.metadatas) yield* layer.inodes;
}

function placesLine(image: Rootfs): string {
  let line = "places";
  for (const { ino } of records(image)) {
    for (const wanted of [ino, ino + 1]) {
      const record = findInodeRecord(image, wanted);
      if (record !== undefined) line += ` ${wanted}@${record.ordinal}`;
    }
  }
  return `${line}\n`;
}

function tree(image: Rootfs, summary: Summary, index: Uint32Array, links: Uint32Array, parents: Float64Array): string {
  const bytes = contentBytes(image, links);
  const counts = `inodes ${summary.inodes} bytes ${bytes} unsorted ${summary.unsorted} records ${links.length}\n`;
  const pairs = Array.from(links, (count, ordinal) => ` ${count}/${parents[ordinal]}`).join("");
  const lines = `${counts}index ${index.join(" ")}\nlinks${pairs}\n`;
  return `accepted\n${lines}${placesLine(image)}${listing(image, index)}`;
}

function judgeImage(message: Message): string {
  const image = checkEncoding(message, new Float64Array(1));
  const count = countRecords(image);
  const links = new Uint32Array(count);
  const parents = new Float64Array(count);
  const summary = validate(image, links, parents, new Float64Array(count));
  const index = new Uint32Array(summary.index);
  if (summary.unsorted > 0) indexNames(image, summary.unsorted, index);
  return tree(image, summary, index, links, parents);
}

/** Inode numbers of each layer of which the check at first use is printed, as in harness.c. */
const FIRST_USES = 64;

/** The checks of inodes at their first use, whether the image records its tree or not. */
function firstUses(message: Message): string {
  const work = new Float64Array(1);
  const image = checkOutline(message, work);
  const lines: string[] = [`outline ${recordsTree(image)}\n`];
  for (const { inodes } of image.metadatas) {
    for (let i = 0; i < Math.min(inodes.length, FIRST_USES); i++) {
      const record = findInodeRecord(image, inodes.at(i).ino);
      if (record === undefined) continue;
      const { inode } = record;
      lines.push(
        judged(() => (checkInode(image, openLayers(image), inode, work), `use ${inode.ino} ${recordedLinks(inode)}\n`)),
      );
      lines.push(judged(() => (checkParent(inode, ROOT_INO), "")));
    }
  }
  return `${lines.join("")}left ${work[0]}\n`;
}

/** A verdict without the first uses, which have positions in the message. */
export const withoutUses = (verdict: string): string => verdict.replace(/^outline .*\n[^]*?^left .*\n/m, "");

/** Verdict, effective tree, first uses, and every field; of a refused message the fields as far as the budget goes. */
export function judgeMetadata(bytes: Uint8Array, size = bytes.length): string {
  return judged(() => {
    const message = openMessage(new Bytes(bytes, 0, size), new Uint32Array(MAX_SEGMENTS + 1));
    const verdict = judged(() => judgeImage(message));
    // A struct that has the message's first word as its only pointer.
    const top = { message, at: message.starts[0] ?? 0, words: 0, pointers: 1 };
    const root = new Rootfs(structField(top, 0));
    const uses = judged(() => firstUses(message));
    return `${verdict}${uses}${dumper.dump(root, "Rootfs", verdict.startsWith("accepted") ? WHOLE : REFUSED)}\n`;
  });
}

export function judgeManifest(json: Uint8Array, size = json.length): string {
  const bytes = new Bytes(json, 0, size);
  const scratch = manifestScratch();
  const verdict = judged(() => {
    const { end, hasVerity } = findRootfs(bytes, scratch);
    const digests = (hasVerity ? [scratch.digest, scratch.verity] : [scratch.digest]).map((found) =>
      Buffer.from(found).toString("hex"),
    );
    return `accepted\n${end} ${digests.join(" ")}\n`;
  });
  let descriptors = "";
  judged(() => {
    for (let next = manifestStart(bytes); ;) {
      next = nextDescriptor(bytes, scratch, next);
      if (next.kind === DESCRIPTOR_NONE) return "";
      const flags = `${Number(next.hasDigest)} ${Number(next.hasVerity)}`;
      const found = `${next.kind} ${next.type} ${flags} ${next.size} ${next.step.at}`;
      descriptors += `${found} ${Buffer.from(scratch.layer).toString("hex")}\n`;
    }
  });
  return verdict + descriptors;
}

/** The table, in hexadecimal, as the writer makes it of the frames that were read. */
function writtenTable(stored: Float64Array, content: Float64Array): string {
  const frames = stored.length - 1;
  const sizes = (starts: Float64Array): Uint32Array =>
    Uint32Array.from({ length: frames }, (_, i) => (starts[i + 1] ?? 0) - (starts[i] ?? 0));
  const table = new Uint8Array(seekTableBytes(frames));
  writeSeekTable(table, sizes(stored), sizes(content), frames);
  return Buffer.from(table).toString("hex");
}

/** `tail`: the last bytes of a blob of `blobBytes`. */
export function judgeSeekTable(tail: Uint8Array, blobBytes: number): string {
  const bytes = Bytes.of(tail);
  let text = "";
  const verdict = judged(() => {
    const footer = readSeekFooter(bytes.slice(Math.max(tail.length - 9, 0), tail.length), blobBytes);
    const { frames, entryBytes, tableBytes } = footer;
    text = `frames ${frames} entry ${entryBytes} table ${tableBytes}\n`;
    const room = tableBytes > tail.length ? 0 : frames + 1;
    const stored = new Float64Array(room);
    const content = new Float64Array(room);
    const table = bytes.slice(Math.max(tail.length - tableBytes, 0), tail.length);
    const size = readSeekTable(table, footer, blobBytes, stored, content);
    const lines = Array.from(content, (start, frame) => {
      const found = `${findFrame(content, frames, start)} ${findFrame(content, frames, start + 1)}`;
      return `${stored[frame]} ${start} ${found}\n`;
    });
    return `accepted\n${size}\n${lines.join("")}written ${writtenTable(stored, content)}\n`;
  });
  return text + verdict;
}

/** The verdict on an object of `size` bytes, of which `bytes` are given: all, or the last of a blob. */
export function judge(kind: ObjectKind, bytes: Uint8Array, size = bytes.length): string {
  if (kind === "metadata") return judgeMetadata(bytes, size);
  if (kind === "manifest") return judgeManifest(bytes, size);
  if (kind === "packed-manifest") return judged(() => packedManifestText(new Bytes(bytes, 0, size)));
  if (kind === "bundle") return judged(() => bundleText(new Bytes(bytes, 0, size), judged));
  if (kind === "place-table") return judged(() => placeTableText(new Bytes(bytes, 0, size)));
  return judgeSeekTable(bytes, size);
}

/** The first line of a verdict: "accepted", or the rule with inode and offset. */
export const outcome = (verdict: string): string => /^(accepted|refused .*)$/m.exec(verdict)?.[0] ?? "";
