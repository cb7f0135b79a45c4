import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { puzzlefs, run, rustTool } from "./programs.ts";
import { waitForMount } from "./scratch.ts";

/** Operations of the suites on images, by the programs that users call. */

export function build(source: string, image: string, ...options: string[]): void {
  run(puzzlefs, ["build", ...options, source, image]);
}

/** Calls `look` while the image is mounted by us. */
export function withMount<T>(image: string, mountpoint: string, look: () => T): T {
  run(puzzlefs, ["mount", image, mountpoint]);
  try {
    return look();
  } finally {
    run(puzzlefs, ["umount", mountpoint]);
  }
}

/** Calls `look` while the image is mounted by the Rust tool. */
export async function withRustMount<T>(image: string, mountpoint: string, look: () => T): Promise<T> {
  const daemon = spawn(rustTool, ["mount", "-f", image, mountpoint], { stdio: "ignore" });
  const end = once(daemon, "exit");
  try {
    await waitForMount(mountpoint, daemon);
    return look();
  } finally {
    run("umount", [mountpoint]);
    await end;
  }
}

/** Digests of the chunk blobs that a manifest lists, in hex, each once. */
export function chunkDigests(store: string, tag: string): string[] {
  const { manifests } = readJson(join(store, "index.json")) as {
    manifests: { digest: string; annotations?: Record<string, string> }[];
  };
  const found = manifests.find(({ annotations }) => annotations?.["org.opencontainers.image.ref.name"] === tag);
  if (found === undefined) throw new Error(`${store} has no ${tag}`);
  const { layers } = readJson(blobPath(store, found.digest)) as { layers: { mediaType: string; digest: string }[] };
  const chunks = layers.filter(({ mediaType }) => mediaType.includes("filedata"));
  return [...new Set(chunks.map(({ digest }) => digest.replace("sha256:", "")))].sort();
}

/** @param digest with or without its algorithm */
export function blobPath(store: string, digest: string): string {
  return join(store, "blobs/sha256", digest.replace("sha256:", ""));
}

/** The names in a layout's directory, in order, but for the records of known chunks that builds leave. */
export function layoutNames(store: string): string[] {
  return readdirSync(store)
    .filter((name) => !name.startsWith(".puzzlefs-chunks-"))
    .sort();
}

/** Everything in a layout, by path, with the content of what has no digest for a name. */
export function layoutState(store: string): string[] {
  const paths = readdirSync(store, { recursive: true, encoding: "utf8" }).sort();
  return [...paths, readFileSync(join(store, "index.json"), "utf8"), readFileSync(join(store, "oci-layout"), "utf8")];
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}
