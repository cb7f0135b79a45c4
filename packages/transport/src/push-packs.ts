import type { Chunk, PackPlan, PackSource } from "@puzzlefs/builder/packed";
import { planPacks } from "@puzzlefs/builder/packed";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { PackRecord } from "@puzzlefs/format";
import { FsVerityHasher, type Turns } from "@puzzlefs/oci";
import type { RepositoryAccess } from "@puzzlefs/registry";
import { PackUnion } from "./pack-union.ts";

/** Requests at a time that only ask whether a blob is there. */
const QUESTIONS = 6;

/** Reads the stored bytes of a chunk, and checks them against its digest. */
export type ReadChunk = (chunk: Chunk) => Uint8Array;

/** Where a pack that may be kept comes from. */
export interface PackOrigin extends PackSource {
  /** A repository of the same registry that has its packs; undefined: the target itself, or none. */
  mountFrom?: string | undefined;
}

/** What is asked of a target. */
export type PackTarget = Pick<RepositoryAccess, "hasBlob" | "mount">;

/** Which packs the target has; the answers are kept. */
export class PacksThere {
  readonly #target: PackTarget;
  readonly #signal: AbortSignal;
  readonly #answers = new Map<string, boolean>();
  /** Packs that were taken over from another repository. */
  readonly mounted = new Set<string>();

  constructor(target: PackTarget, signal: AbortSignal) {
    this.#target = target;
    this.#signal = signal;
  }

  /** False only for a pack that was asked for and is not there. */
  mayHave(digest: string): boolean {
    return this.#answers.get(digest) !== false;
  }

  has(digest: string): boolean {
    return this.#answers.get(digest) === true;
  }

  /** Asks for packs, and mounts those that are missing where that is possible. Returns whether all are there. */
  async ask(
    packs: readonly PackRecord[],
    mountFrom: (digest: string) => string | undefined = () => undefined,
  ): Promise<boolean> {
    const asked = packs.filter(({ digest }) => !this.#answers.has(digest));
    const work = async (): Promise<void> => {
      for (let pack = asked.shift(); pack !== undefined; pack = asked.shift()) {
        this.#answers.set(pack.digest, await this.#isThere(pack, mountFrom(pack.digest)));
      }
    };
    await Promise.all(Array.from({ length: QUESTIONS }, work));
    return packs.every(({ digest }) => this.has(digest));
  }

  /** Forgets what is there: it may have been removed. */
  forget(): void {
    for (const [digest, isThere] of this.#answers) if (isThere) this.#answers.delete(digest);
  }

  async #isThere({ digest, size }: PackRecord, from: string | undefined): Promise<boolean> {
    const name = `sha256:${digest}`;
    if ((await this.#target.hasBlob(name, this.#signal)) === size) return true;
    if (from === undefined || !(await this.#target.mount(name, from, this.#signal))) return false;
    this.mounted.add(digest);
    return true;
  }
}

/** Plans the packs of an image: those of the bases that the target has, or can mount, are kept where they are mostly needed. */
export async function planPush(
  chunks: readonly Chunk[],
  origins: readonly PackOrigin[],
  there: PacksThere,
): Promise<PackPlan> {
  const from = new Map<string, string>();
  for (const { packs, mountFrom } of origins.toReversed())
    for (const { digest } of packs) if (mountFrom !== undefined) from.set(digest, mountFrom);
  for (;;) {
    const union = new PackUnion(origins, (digest) => there.mayHave(digest));
    const plan = planPacks(chunks, union);
    if (await there.ask(plan.kept, (digest) => from.get(digest))) return plan;
  }
}

/** A pack that is to be uploaded. */
export interface FreshPack {
  record: PackRecord;
  chunks: readonly Chunk[];
}

/** The digests of a new pack, whose chunks are read for it. */
export async function describePack(chunks: readonly Chunk[], read: ReadChunk, turns: Turns): Promise<FreshPack> {
  const sha256 = createHash("sha256");
  const verity = new FsVerityHasher();
  let size = 0;
  for (const chunk of chunks) {
    const bytes = read(chunk);
    sha256.update(bytes);
    verity.update(bytes);
    size += bytes.length;
    if (turns.isDue) await turns.take();
  }
  return { record: { digest: sha256.digest("hex"), verity: verity.digest().toString("hex"), size }, chunks };
}

/** The bytes of a pack from `start` on. */
export function packStream(chunks: readonly Chunk[], read: ReadChunk, start: number): Readable {
  return Readable.from(
    (function* () {
      let position = 0;
      for (const chunk of chunks) {
        const end = position + chunk.size;
        if (end > start) yield read(chunk).subarray(Math.max(0, start - position));
        position = end;
      }
    })(),
    { objectMode: false },
  );
}
