/** PuzzleFS: push and pull as they plan, on chunks without content. */
import { createHash } from "node:crypto";
import { bytesOf, type Chunk } from "@puzzlefs/builder/packed";
import type { PackRecord, Place } from "@puzzlefs/format";
import { configOf, Turns } from "@puzzlefs/oci";
import {
  configuredPlatform,
  packContents,
  packedForm,
  PacksThere,
  type PackOrigin,
  type PatchBase,
  patchesOf,
  planPush,
  rangesOf,
  type RegistryForm,
  wayOf,
} from "@puzzlefs/transport/planning";
import type { Newest, Version } from "./fleet-version.ts";
import { type Cost, type Strategy, sum } from "./fleet-strategy.ts";

/** Each version is pushed over the one before, with a patch for nodes that have that, and with `--patch-from` for those of a week ago. */
export const PATCHES_FROM = [1, 7];

interface Pushed extends RegistryForm {
  packs: readonly PackRecord[];
  places: ReadonlyMap<string, Place>;
  /** The canonical configuration. */
  config: Uint8Array;
}

export interface PackedOptions {
  /** Which versions before the new one patches are made from. */
  patchesFrom?: readonly number[];
  /** The digests of a new pack. Default: made up. */
  describe?: (chunks: readonly Chunk[]) => Promise<PackRecord>;
}

export class PackedRegistry implements Strategy {
  readonly name = "puzzlefs";
  readonly #describe: NonNullable<PackedOptions["describe"]>;
  readonly #patchesFrom: readonly number[];
  /** Sizes of the packs of the repository. */
  readonly #packs = new Map<string, number>();
  readonly #earlier = new Map<number, PatchBase>();
  #newest: Pushed | undefined;
  /** Bytes that the newest version added. */
  added = 0;
  /** Of each version: bytes of its bundle, and of what a node with the version before receives instead. */
  readonly bundles: number[] = [];
  readonly patches: number[] = [];
  readonly packCounts: number[] = [];

  constructor({ patchesFrom = PATCHES_FROM, describe = madeUp }: PackedOptions = {}) {
    this.#patchesFrom = patchesFrom;
    this.#describe = describe;
  }

  async publish({ number, canonical, chunks, documents }: Newest): Promise<number> {
    const newest = this.#newest;
    const origins: PackOrigin[] =
      newest === undefined ? [] : [{ packs: newest.packs, find: (digest) => newest.places.get(digest) }];
    const target = {
      hasBlob: (name: string): Promise<number | undefined> =>
        Promise.resolve(this.#packs.get(name.replace("sha256:", ""))),
      mount: (): Promise<boolean> => Promise.resolve(false),
    };
    const plan = await planPush(chunks, origins, new PacksThere(target, new AbortController().signal));
    const fresh: PackRecord[] = [];
    for (const pack of plan.fresh) fresh.push(await this.#describe(pack));
    const packs = [...plan.kept, ...fresh];
    const bases = this.#patchesFrom.flatMap((back) => this.#earlier.get(number - back) ?? []);
    const form = await packedForm(documents, { packs, places: plan.places }, bases, new Turns(() => {}), "");
    const added = sum(fresh.filter(({ digest }) => !this.#packs.has(digest)).map(({ size }) => size));
    for (const { digest, size } of fresh) this.#packs.set(digest, size);
    this.#newest = {
      ...form,
      config: documents.config,
      packs,
      places: new Map(chunks.map(({ digest }, index) => [digest, plan.places[index] as Place])),
    };
    this.#earlier.set(number, { canonical, metadata: documents.metadata });
    this.#earlier.delete(number - Math.max(0, ...this.#patchesFrom));
    this.bundles.push(form.bundleBytes);
    this.packCounts.push(packs.length);
    this.patches.push(
      form.patches.find(({ base }) => base === this.#earlier.get(number - 1)?.canonical)?.bytes ?? form.bundleBytes,
    );
    this.added = added + form.manifest.length + sum(form.documents.map(({ length }) => length));
    return this.added;
  }

  /** The newest version. */
  get pushed(): Pushed {
    if (this.#newest === undefined) throw new Error("no version has been published");
    return this.#newest;
  }

  update(from: Version | undefined): Cost {
    const { manifest, bundleBytes, packs, places, config } = this.pushed;
    const patch = patchesOf(manifest, this.name).find(({ base }) => base === from?.canonical);
    const metadata = patch?.size ?? bundleBytes;
    const received = configuredPlatform(config, this.name) === undefined ? configOf(manifest, this.name) : undefined;
    const placed = [...places].map(([digest, place]) => ({ digest, ...place }));
    const contents = packContents(packs, placed, ({ digest }) => from?.digests.has(digest) === true);
    const ranges = contents
      .filter((content) => content.missing.length > 0)
      .flatMap((content) =>
        rangesOf({ chunks: content.missing, size: content.record.size, isWhole: wayOf(content) === "whole" }),
      );
    return {
      bytes: manifest.length + metadata + (received?.size ?? 0) + sum(ranges.map(({ start, end }) => end - start)),
      requests: 2 + (received === undefined ? 0 : 1) + ranges.length,
    };
  }
}

/** The same registry for clients that know nothing of chunks, as containerd and mirrors: they fetch every blob that they lack. */
export class WholePacks implements Strategy {
  readonly name = "puzzlefs, whole packs";
  readonly #registry: PackedRegistry;
  readonly #packsOf = new Map<number, ReadonlySet<string>>();

  /** @param registry to which each version is published first */
  constructor(registry: PackedRegistry) {
    this.#registry = registry;
  }

  publish({ number }: Newest): number {
    this.#packsOf.set(number, new Set(this.#registry.pushed.packs.map(({ digest }) => digest)));
    return this.#registry.added;
  }

  update(from: Version | undefined): Cost {
    const { manifest, documents, packs } = this.#registry.pushed;
    const known = from === undefined ? undefined : this.#packsOf.get(from.number);
    const lacking = packs.filter(({ digest }) => known?.has(digest) !== true).map(({ size }) => size);
    const fetched = [manifest.length, ...documents.map(({ length }) => length), ...lacking];
    return { bytes: sum(fetched), requests: fetched.length };
  }
}

/** A record of a pack without bytes: instead of its digests it has those of the list of its chunks. */
function madeUp(chunks: readonly Chunk[]): Promise<PackRecord> {
  const of = (kind: string): string =>
    createHash("sha256")
      .update(kind)
      .update(chunks.map(({ digest }) => digest).join())
      .digest("hex");
  return Promise.resolve({ digest: of("pack"), verity: of("verity"), size: bytesOf(chunks) });
}
