/** A small tree, images of it, and where they store the bytes of each file. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BlobKey, openImageAt, pathOf, walkTree } from "@puzzlefs/reader";
import { addJoined } from "../posix/joined.ts";
import { blobPath, build } from "../support/images.ts";
import type { Scratch } from "../support/scratch.ts";
import { noise, prose } from "@puzzlefs/testing";
import type { Expected } from "./observe.ts";

/** Ways of storing, by tag. */
const ways = { raw: [], zstd: ["-c"] } as const;
/** A blob has one chunk or, joined, many. */
export type Way = keyof typeof ways | `${keyof typeof ways}-joined`;

/** Bytes of a file in a blob, as offsets in the blob's uncompressed stream. */
interface Run {
  blob: string;
  /** Chunks that do not compress are raw in a compressed image, too. */
  compressed: boolean;
  start: number;
  end: number;
}

export interface File extends Expected {
  runs: Run[];
}

export class Material {
  /** The layout; each case damages a copy. */
  readonly store: string;
  /** A file with Expected[]. */
  readonly expected: string;
  readonly #files = new Map<Way, File[]>();

  constructor(scratch: Scratch) {
    const source = scratch.directory("source");
    makeTree(source);
    this.store = scratch.fresh("store");
    for (const [tag, options] of Object.entries(ways)) {
      build(source, `${this.store}:${tag}`, ...options);
      addJoined(this.store, tag, `${tag}-joined`, 1 << 20);
    }
    this.expected = scratch.fresh("expected");
    const files = this.files("raw").map(({ path }) => ({ path, sha256: sha256(readFileSync(join(source, path))) }));
    writeFileSync(this.expected, JSON.stringify(files), { mode: 0o644 });
  }

  /** Files that are not empty. */
  files(way: Way): File[] {
    const known = this.#files.get(way) ?? filesOf(this.store, way);
    this.#files.set(way, known);
    return known;
  }

  /**
   * Digest of a blob, a compressed one where there are any, that some files need and others do not: of these, the one
   * that most need.
   */
  sharedBlob(way: Way): string {
    const files = this.files(way);
    const users = new Map<string, number>();
    const wanted = way.startsWith("zstd");
    for (const { runs } of files) {
      for (const blob of new Set(runs.filter((run) => run.compressed === wanted).map((run) => run.blob)))
        users.set(blob, (users.get(blob) ?? 0) + 1);
    }
    const [most] = [...users].filter(([, count]) => count < files.length).toSorted(([, a], [, b]) => b - a);
    if (most === undefined) throw new Error(`${way}: every file needs every blob`);
    return most[0];
  }

  blobSize(digest: string): number {
    return statSync(blobPath(this.store, digest)).size;
  }
}

function makeTree(root: string): void {
  for (const name of ["large", "text", "small"]) mkdirSync(join(root, name));
  for (let i = 0; i < 6; i++) writeFileSync(join(root, `large/${i}`), noise(i, 700_001));
  for (let i = 0; i < 6; i++) writeFileSync(join(root, `text/${i}`), prose(i, 400_001));
  for (let i = 0; i < 100; i++) writeFileSync(join(root, `small/${i}`), noise(100 + i, 3000 + i));
  writeFileSync(join(root, "empty"), "");
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
/** The digest in the key that the reader has for a blob. */
const digestOf = (key: BlobKey): string => Buffer.from(key.slice(1), "latin1").toString("hex");

function filesOf(store: string, tag: string): File[] {
  const tree = openImageAt(store, tag);
  const files: File[] = [];
  walkTree(tree, {
    enter(visit) {
      if (visit.attributes.kind !== "file" || visit.attributes.size === 0) return;
      const content = tree.content(visit.attributes.ino);
      const runs = Array.from({ length: content.runs }, (_, run) => {
        const start = content.blobOffset(run);
        const key = content.blob(run);
        return {
          blob: digestOf(key),
          compressed: key.startsWith("z"),
          start,
          end: start + content.end(run) - content.start(run),
        };
      });
      files.push({ path: Buffer.from(pathOf(visit)).toString().replace(/^\//, ""), sha256: "", runs });
    },
  });
  tree.close();
  return files;
}
