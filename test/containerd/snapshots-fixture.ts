import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSnapshotter, type RunningSnapshotter, type SnapshotterOptions } from "@puzzlefs/containerd";
import { MANIFEST_LABEL, PACK_LABEL, packedChainId } from "@puzzlefs/oci";
import { running } from "@puzzlefs/testing";
import { Kind, Snapshots, type Info } from "../../packages/containerd/src/generated/snapshots_pb.js";
import type { Mount } from "../../packages/containerd/src/generated/mount_pb.js";
import { attempt, run } from "../support/programs.ts";
import { mountpoints, type Scratch } from "../support/scratch.ts";
import { ServiceClient } from "./client.ts";

export { Kind };
export const { prepare, view, mounts, commit, remove, stat, update, list, usage, cleanup } = Snapshots.method;

export const MANIFEST = MANIFEST_LABEL;
export const TARGET = "containerd.io/snapshot.ref";

/** The chain ID of a packed image's only layer. */
export const chainOf = (canonical: string): string => packedChainId(canonical);

/** The labels with which containerd prepares the layer of a packed image. */
export const labelsOf = (canonical: string): Record<string, string> => ({
  [TARGET]: chainOf(canonical),
  [MANIFEST]: `sha256:${canonical}`,
});

/** Those of a pack, from 1 on, of an image that was pushed for lazy use. @param name in the registry; without it containerd passes none */
export const packLabels = (
  canonical: string,
  pack: number,
  manifest: string,
  name?: string,
): Record<string, string> => ({
  [TARGET]: packedChainId(canonical, pack),
  [MANIFEST]: `sha256:${canonical}`,
  [PACK_LABEL]: `sha256:${"0".repeat(64)}`,
  ...(name !== undefined && {
    "containerd.io/snapshot/cri.image-ref": name,
    "containerd.io/snapshot/cri.manifest-digest": `sha256:${manifest}`,
  }),
});

/** A snapshotter in this process, and a client of it. */
export class Fixture {
  readonly root: string;
  readonly log: string[] = [];
  readonly #options: SnapshotterOptions;
  #running: RunningSnapshotter | undefined;
  #client: ServiceClient | undefined;

  constructor(scratch: Scratch, contentStore: string, options: Partial<SnapshotterOptions> = {}) {
    const directory = scratch.directory("snapshotter");
    this.root = join(directory, "root");
    this.#options = {
      root: this.root,
      address: join(directory, "socket"),
      contentStore,
      driver: "fuse",
      log: (message) => this.log.push(message),
      ...options,
    };
  }

  get options(): SnapshotterOptions {
    return this.#options;
  }

  async start(): Promise<void> {
    this.#running = await startSnapshotter(this.#options);
    this.#client = new ServiceClient(Snapshots, this.#options.address);
  }

  async stop(): Promise<void> {
    this.#client?.close();
    await this.#running?.stop();
    this.#running = undefined;
  }

  get client(): ServiceClient {
    if (this.#client === undefined) throw new Error("not started");
    return this.#client;
  }

  /** An ordinary layer with these files. */
  async layer(name: string, parent: string, files: Record<string, string>): Promise<void> {
    const key = `extract ${name}`;
    const { mounts: described } = await this.client.call(prepare, { key, parent });
    this.mounted(described, (path) => {
      for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
    });
    await this.client.call(commit, { key, name });
  }

  /** Calls `use` while mounts are made, as containerd makes them. */
  mounted<T>(described: readonly Mount[], use: (path: string) => T): T {
    const path = join(this.root, "..", "mnt");
    mkdirSync(path, { recursive: true });
    for (const { type, source, options } of described) {
      if (type !== "bind") run("mount", ["-t", type, "-o", options.join(","), source, path]);
      else {
        run("mount", ["--bind", source, path]);
        if (options.includes("ro")) run("mount", ["-o", "remount,bind,ro", path]);
      }
    }
    try {
      return use(path);
    } finally {
      attempt("umount", [path]);
    }
  }

  async all(...filters: string[]): Promise<Info[]> {
    return (await this.client.stream(list, { filters })).flatMap(({ info }) => info);
  }

  /** Removes all snapshots, children first. */
  async removeAll(): Promise<void> {
    for (const { name } of (await this.all()).reverse()) await this.client.call(remove, { key: name });
    await this.client.call(cleanup, {});
  }

  /** Records of lazy images. */
  #lazy(): string[] {
    const directory = join(this.root, "store/lazy");
    return existsSync(directory) ? readdirSync(directory).filter((name) => /\.(json|places)$/.test(name)) : [];
  }

  /** What is left of snapshots and images: directories, blobs, mounts and processes. */
  left(): string[] {
    const below = (name: string): string[] => readdirSync(join(this.root, name)).map((entry) => `${name}/${entry}`);
    const { manifests } = JSON.parse(readFileSync(join(this.root, "store/index.json"), "utf8")) as {
      manifests: unknown[];
    };
    return [
      ...["snapshots", "mounts", "store/blobs/sha256"].flatMap(below),
      ...readdirSync(join(this.root, "store")).filter((name) => name.startsWith(".puzzlefs-")),
      ...manifests.map((entry) => JSON.stringify(entry)),
      ...mountpoints().filter((path) => path.startsWith(this.root)),
      ...this.#lazy(),
      ...running(this.root).map(({ commandLine }) => commandLine),
    ];
  }
}
