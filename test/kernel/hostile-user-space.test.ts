/**
 * The same hostile images in user space: they are extracted, and the handlers of the FUSE server get every kind of request.
 * The results are answers or typed errors, nothing else.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FormatError } from "@puzzlefs/format";
import { Layout, LayoutError } from "@puzzlefs/oci";
import { extract, IntegrityError, openImage } from "@puzzlefs/reader";
import type { ImageTree } from "@puzzlefs/reader";
import test from "ava";
import type { Handler } from "../../packages/fuse/src/operations/handler.ts";
import { handlers } from "../../packages/fuse/src/operations/operations.ts";
import { Opcode } from "../../packages/fuse/src/wire/abi.ts";
import { MAX_READ_BYTES, Reply } from "../../packages/fuse/src/wire/reply.ts";
import { bodyOf, putRequest, wide } from "../../packages/fuse/src/wire/request-fixture.ts";
import { Request } from "../../packages/fuse/src/wire/request.ts";
import { Scratch } from "../support/scratch.ts";
import { makeBases } from "./hostile-bases.ts";
import { addCorpus, addMutations, addSeekTables, HostileStore } from "./hostile-images.ts";

const count = Number(process.env["PUZZLEFS_HOSTILE"] ?? 500);
const minutes = 60_000;

/** Sends requests to handlers and counts the outcomes: answers, error numbers, typed errors. */
class Asker {
  readonly outcomes = new Map<string, number>();
  readonly #request = new Request();
  readonly #reply = new Reply();
  readonly #handlers: Handler[];

  constructor(tree: ImageTree) {
    this.#handlers = handlers(tree, this.#reply, true, () => {});
  }

  ask(opcode: number, node: number, body: Uint8Array): number {
    this.#request.length = putRequest(this.#request.buffer, { opcode, node, body });
    let outcome: number | string | undefined;
    try {
      outcome = this.#handlers[opcode]?.(this.#request, this.#reply);
    } catch (error) {
      if (!(error instanceof FormatError || error instanceof IntegrityError)) throw error;
      outcome = error.name;
    }
    const name = typeof outcome === "number" && outcome >= 0 ? "answered" : String(outcome);
    this.outcomes.set(name, (this.outcomes.get(name) ?? 0) + 1);
    return typeof outcome === "number" ? outcome : -1;
  }
}

const reading = (offset: number, size: number): Buffer =>
  bodyOf([...wide(0), ...wide(offset), size, 0, ...wide(0), 0, 0]);

/** Requests everything about every listed name, and about the numbers next to every inode number. */
function askEverything(tree: ImageTree, asker: Asker): void {
  const seen = new Set([1]);
  asker.ask(Opcode.STATFS, 1, Buffer.of());
  for (const ino of seen) {
    for (const opcode of [Opcode.READDIR, Opcode.READDIRPLUS])
      for (const [offset, size] of [
        [0, 65536],
        [0, 200],
        [3, 4096],
        [Number.MAX_SAFE_INTEGER, 4096],
      ] as const)
        asker.ask(opcode, ino, reading(offset, size));
    for (const near of [ino, ino + 1]) asker.ask(Opcode.GETATTR, near, Buffer.alloc(16));
    const attributes = tree.attributes(ino);
    if (attributes?.kind === "lnk") asker.ask(Opcode.READLINK, ino, Buffer.of());
    if (attributes?.kind === "file")
      for (const offset of [0, 4000, Math.floor(attributes.size / 2), attributes.size])
        asker.ask(Opcode.READ, ino, reading(offset, MAX_READ_BYTES));
    asker.ask(Opcode.LISTXATTR, ino, bodyOf([65536, 0]));
    asker.ask(Opcode.GETXATTR, ino, bodyOf([65536, 0], "user.binary"));
    if (attributes?.kind !== "dir") continue;
    for (const entry of tree.entries(ino)) {
      seen.add(entry.ino);
      asker.ask(Opcode.LOOKUP, ino, Buffer.concat([entry.name, Buffer.of(0)]));
      asker.ask(Opcode.LOOKUP, ino, Buffer.concat([entry.name.subarray(1), Buffer.of(0x78, 0)]));
    }
  }
}

/** Outcome of an extraction: "extracted", or the name or code of the error. */
function outcomeOfExtract(tree: ImageTree, target: string): string {
  try {
    extract(tree, target);
    return "extracted";
  } catch (error) {
    if (error instanceof FormatError || error instanceof IntegrityError) return error.name;
    // An error of this machine's filesystem.
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return code;
  }
}

test.serial("hostile images in user space: answers or typed errors, from extract and FUSE", (t) => {
  t.timeout(15 * minutes);
  const scratch = new Scratch();
  t.teardown(() => scratch.remove());
  const path = scratch.fresh("oci");
  const bases = makeBases(scratch.directory("bases"), path);
  const store = new HostileStore(path);
  for (const { name, manifest } of bases) store.manifest(name, manifest);
  addCorpus(store);
  addSeekTables(store);
  addMutations(store, bases, count);
  using layout = Layout.open(path);
  const outcomes = new Map<string, number>();
  const note = (outcome: string, more = 1): void => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + more);
  const target = join(scratch.path, "extracted");
  const foreign: string[] = [];
  for (const { name, manifest, refusal } of store.images) {
    if (refusal !== undefined) {
      const error = t.throws(() => openImage(layout, manifest), { instanceOf: Error }, name);
      if (error instanceof LayoutError && error.kind === "foreign") foreign.push(name);
      // User space reads packed images; this one lacks the digest of the canonical manifest.
      else t.is(error instanceof FormatError && error.kind, name === "manifest-packed" ? "corrupt" : refusal.kind, name);
      continue;
    }
    const tree = openImage(layout, manifest);
    const asker = new Asker(tree);
    t.notThrows(() => askEverything(tree, asker), `FUSE: ${name}, manifest ${manifest}`);
    for (const [outcome, times] of asker.outcomes) note(`FUSE ${outcome}`, times);
    mkdirSync(target);
    t.notThrows(() => note(`extract ${outcomeOfExtract(tree, target)}`), `extract: ${name}, manifest ${manifest}`);
    tree.close();
    rmSync(target, { recursive: true });
  }
  t.deepEqual(foreign, ["manifest-too-deep"], "its media types are not those of PuzzleFS");
  t.log([...outcomes].map(([outcome, times]) => `${outcome} ${times}`).join(", "));
});
