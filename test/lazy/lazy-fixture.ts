import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "@puzzlefs/builder";
import { unmount } from "@puzzlefs/fuse";
import { pullLazy, type LazyPullResult } from "@puzzlefs/transport";
import { mount, type MountedImage, type MountOptions } from "@puzzlefs/mount";
import { Layout, MANIFEST_TYPE, referencedBlobs } from "@puzzlefs/oci";
import { parseReference, Registry } from "@puzzlefs/registry";
import { eventually, noise, running } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { TestRegistry } from "../../packages/registry/src/test-registry-fixture.ts";

export const REPOSITORY = "team/app";

/** A tree of files in pieces of one size, so that each is some chunks. */
export function writeTree(root: string, files = 24, bytes = 150_000): void {
  mkdirSync(join(root, "d"), { recursive: true });
  for (let file = 0; file < files; file++)
    writeFileSync(join(root, file % 2 === 0 ? "" : "d", `file${file}`), noise(`lazy ${file}`, bytes));
}

/** A registry in this process with a packed image of a tree, and a layout into which it is pulled lazily. */
export class LazyImage implements AsyncDisposable {
  readonly directory = temporaryDirectory();
  readonly rootfs = join(this.directory, "root");
  readonly origin = join(this.directory, "origin");
  readonly mountpoint = join(this.directory, "mnt");
  ociDir = join(this.directory, "store");
  readonly registry: TestRegistry;
  /** Digests of the packs. */
  packs: string[] = [];
  #mounted: MountedImage[] = [];

  private constructor(registry: TestRegistry) {
    this.registry = registry;
    mkdirSync(this.mountpoint);
  }

  static async make({ packed = true, tree = writeTree } = {}): Promise<LazyImage> {
    const image = new LazyImage(await TestRegistry.start());
    tree(image.rootfs);
    await image.publish("v1", packed);
    return image;
  }

  get name(): string {
    return `${this.registry.host}/${REPOSITORY}:v1`;
  }

  /** Builds the tree, and puts the image into the registry. */
  async publish(tag: string, packed = true): Promise<void> {
    await build({ rootfs: this.rootfs, ociDir: this.origin, tag, compress: true, packed });
    using layout = Layout.open(this.origin);
    const { bytes } = layout.manifest(tag);
    this.packs = [];
    for (const { type, digest = "" } of referencedBlobs(bytes, tag)) {
      this.registry.putBlob(REPOSITORY, layout.blobs.read(digest, 1 << 30));
      if (type === "pack") this.packs.push(digest);
    }
    this.registry.putManifest(REPOSITORY, tag, bytes, MANIFEST_TYPE);
  }

  async pull(tag = "v1"): Promise<LazyPullResult> {
    const access = { plainHttp: true };
    using registry = new Registry(access);
    const source = parseReference(`${this.registry.host}/${REPOSITORY}:${tag}`);
    const { signal } = new AbortController();
    return await pullLazy({ registry, access, source, ociDir: this.ociDir, tag, waiting: () => undefined, signal });
  }

  async mount(options: Partial<MountOptions> = {}): Promise<MountedImage> {
    const { ociDir, mountpoint } = this;
    const lazy = { fill: false, reserve: 0, timeout: 240_000, ...options.lazy };
    const request = { ociDir, reference: "v1", mountpoint, ...options, lazy };
    const mounted = await mount({ logFile: this.log, warn: () => undefined, ...request });
    this.#mounted.push(mounted);
    return mounted;
  }

  get log(): string {
    return join(this.directory, "log");
  }

  path(name: string): string {
    return join(this.mountpoint, name);
  }

  /** Requests for packs, or for chunks, as ranges. */
  get ranges(): string[] {
    return this.registry.requests
      .filter(
        ({ method, path }) =>
          method === "GET" && path.includes("/blobs/") && this.packs.some((pack) => path.endsWith(pack)),
      )
      .map(({ headers }) => headers.range ?? "whole");
  }

  /** Pids of the fetchers of the layout. */
  get fetchers(): number[] {
    return running(`puzzlefs fetch ${this.ociDir}/lazy`).map(({ pid }) => pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { mountpoint } of this.#mounted) await unmount(mountpoint, { lazy: true }).catch(() => undefined);
    for (const pid of this.fetchers) process.kill(pid, "SIGKILL");
    await eventually(() => this.fetchers.length === 0);
    await this.registry[Symbol.asyncDispose]();
  }
}

export interface Output {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** Starts a program. */
export function start(program: string, ...argv: string[]): { pid: number; ended: Promise<Output> } {
  const child = spawn(program, argv, { stdio: ["ignore", "pipe", "pipe"] });
  const output: Output = { code: null, signal: null, stdout: "", stderr: "" };
  child.stdout.on("data", (part: Buffer) => (output.stdout += part.toString("latin1")));
  child.stderr.on("data", (part: Buffer) => (output.stderr += part.toString("latin1")));
  const ended = new Promise<Output>((settle) =>
    child.once("close", (code, signal) => settle({ ...output, code, signal })),
  );
  return { pid: child.pid ?? 0, ended };
}

/** Runs a program while this process goes on answering as the registry. */
export function run(program: string, ...argv: string[]): Promise<Output> {
  return start(program, ...argv).ended;
}
