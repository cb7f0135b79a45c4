/** The programs that `make bench-fuse` compares: they show the same tree by FUSE. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

export type Program = "puzzlefs" | "Rust tool" | "squashfuse_ll" | "erofsfuse";

export interface Peer {
  name: string;
  program: Program;
  /** Whether the image is compressed: only those alike are compared. */
  compressed: boolean;
  /** Makes the image of a tree. */
  make(root: string, image: string): string[];
  /** Mounts it, and stays in the foreground. */
  mount(image: string, mountpoint: string): string[];
}

const puzzlefs = resolve(import.meta.dirname, "../packages/cli/bin/puzzlefs");

function layout(program: string) {
  return {
    make:
      (...options: string[]) =>
      (root: string, image: string) => [program, "build", ...options, root, `${image}:v1`],
    mount: (image: string, mountpoint: string) => [program, "mount", "-f", `${image}:v1`, mountpoint],
  };
}

/**
 * The installed ones: setup.sh leaves out what it cannot fetch.
 * @param cache where setup.sh has put what is no Debian package
 */
export function presentPeers(cache: string): Peer[] {
  return allPeers(cache).filter((peer) => {
    const [program = ""] = peer.mount("", "");
    return !program.startsWith("/") || existsSync(program);
  });
}

function allPeers(cache: string): Peer[] {
  const ours = layout(puzzlefs);
  const rust = layout(join(cache, "rust/bin/puzzlefs"));
  const file = (program: string) => (image: string, mountpoint: string) => [program, "-f", image, mountpoint];
  const squashfuse = file("squashfuse_ll");
  const erofsfuse = file(join(cache, "erofsfuse/run"));
  const squashfs =
    (...options: string[]) =>
    (root: string, image: string) => ["mksquashfs", root, image, "-quiet", "-no-progress", ...options];
  const erofs =
    (...options: string[]) =>
    (root: string, image: string) => ["mkfs.erofs", "--quiet", "-T0", ...options, image, root];
  const plain = { compressed: false };
  const compressed = { compressed: true };
  return [
    { name: "puzzlefs", program: "puzzlefs", ...plain, make: ours.make(), mount: ours.mount },
    { name: "Rust tool", program: "Rust tool", ...plain, make: rust.make(), mount: rust.mount },
    {
      name: "squashfuse_ll",
      program: "squashfuse_ll",
      ...plain,
      make: squashfs("-noI", "-noD", "-noF", "-noX"),
      mount: squashfuse,
    },
    { name: "erofsfuse", program: "erofsfuse", ...plain, make: erofs(), mount: erofsfuse },
    { name: "puzzlefs -c", program: "puzzlefs", ...compressed, make: ours.make("-c"), mount: ours.mount },
    { name: "Rust tool -c", program: "Rust tool", ...compressed, make: rust.make("-c"), mount: rust.mount },
    {
      name: "squashfuse_ll zstd",
      program: "squashfuse_ll",
      ...compressed,
      make: squashfs("-comp", "zstd", "-Xcompression-level", "3"),
      mount: squashfuse,
    },
    { name: "erofsfuse lz4hc", program: "erofsfuse", ...compressed, make: erofs("-zlz4hc"), mount: erofsfuse },
  ];
}
