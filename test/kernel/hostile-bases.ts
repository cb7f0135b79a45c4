/** Small valid images of every form, to be damaged: built by this tool and by the Rust tool. */
import { execFileSync } from "node:child_process";
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readManifest } from "@puzzlefs/format";
import { Layout } from "@puzzlefs/oci";
import { addJoined } from "../posix/joined.ts";
import { build } from "../support/images.ts";
import { rustTool } from "../support/programs.ts";
import { makeSmallTree } from "../support/trees/small.ts";
import { prose } from "@puzzlefs/testing";

export interface Base {
  name: string;
  manifest: Buffer;
  metadata: Buffer;
}

/** Adds names that the Rust tool stores last, and removes many. */
function changeTree(root: string): void {
  rmSync(join(root, "a/b/c"), { recursive: true });
  rmSync(join(root, "fifo"));
  renameSync(join(root, "a/b"), join(root, "empty/moved"));
  for (const name of ["M", "0", "zz", "n"]) writeFileSync(join(root, "a", name), prose(30, 3000));
  writeFileSync(join(root, "empty/moved/file 1"), "changed");
}

/** Builds the images into one layout; those of the Rust tool only if it is installed. */
export function makeBases(scratch: string, layout: string): Base[] {
  const root = join(scratch, "tree");
  makeSmallTree(root);
  const chunks = ["--chunk-size", "4096:16384:65536"];
  const options: Record<string, string[]> = {
    raw: chunks,
    zstd: ["-c", "--mtime", "clamp:1000000000", ...chunks],
    stream: ["-c", "--chunking", "stream", "--frame-size", "4096"],
  };
  const names = Object.keys(options);
  for (const [name, more] of Object.entries(options)) build(root, `${layout}:${name}`, ...more);
  for (const base of ["raw", "zstd"]) {
    addJoined(layout, base, `${base}-joined`, 1 << 20);
    names.push(`${base}-joined`);
  }
  const rust = (name: string, ...more: string[]): void => {
    if (!existsSync(rustTool)) return;
    execFileSync(rustTool, ["build", ...more, root, `${layout}:${name}`], { stdio: "pipe" });
    names.push(name);
  };
  rust("rust");
  changeTree(root);
  for (const base of ["raw", "zstd"]) {
    build(root, `${layout}:${base}-delta`, ...(options[base] ?? []), "-b", base);
    names.push(`${base}-delta`);
  }
  rust("rust-delta", "-c", "-b", "rust");
  using open = Layout.open(layout);
  return names.map((name) => {
    const manifest = open.manifest(name).bytes;
    return { name, manifest, metadata: open.blobs.read(readManifest(manifest).digest, 2 ** 32) };
  });
}
