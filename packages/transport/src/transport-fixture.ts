import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, type BuildOptions } from "@puzzlefs/builder";
import { Layout, sha256Hex } from "@puzzlefs/oci";
import { dump, openImageAt, verifyImage } from "@puzzlefs/reader";
import { noise, prose } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";

/** Directories of one tree of 3 MB or a multiple with many files, and of versions of it in each of which some files change. */
export function series(versions: number, scale = 1): string[] {
  const roots: string[] = [];
  for (let version = 0; version < versions; version++) {
    const root = temporaryDirectory();
    roots.push(root);
    for (let file = 0; file < 40; file++) {
      const last = lastChange(file, version);
      writeFileSync(join(root, `noise ${file}`), noise(`${file} ${last}`, scale * (20_000 + 3000 * file)));
      writeFileSync(join(root, `prose ${file}`), prose(`${file} ${last}`, 5000 + 500 * file));
    }
    writeFileSync(join(root, "version"), `${version}`);
  }
  return roots;
}

/** File n changes in each version that it divides, so that some change often and most seldom. */
function lastChange(file: number, version: number): number {
  const every = 1 + (file % 11);
  return file % 3 === 0 ? Math.floor(version / every) : 0;
}

export async function buildTo(
  rootfs: string,
  ociDir: string,
  tag: string,
  options: Partial<BuildOptions> = {},
): Promise<string> {
  return (await build({ rootfs, ociDir, tag, compress: true, ...options })).manifest;
}

export function dumpOf(ociDir: string, tag: string): string {
  const lines: string[] = [];
  using tree = openImageAt(ociDir, tag, { verify: "blob" });
  dump(tree, (line) => lines.push(line));
  return lines.join("\n");
}

export function problemsOf(ociDir: string): string[] {
  using layout = Layout.open(ociDir);
  return verifyImage(layout).problems.map(({ message }) => message);
}

/** The canonical manifest's sha256 of an image, hex. */
export function identityOf(ociDir: string, tag: string): string {
  using tree = openImageAt(ociDir, tag);
  return tree.manifestDigest;
}

/** Every blob has its digest; returns how many there are. */
export function checkBlobs(ociDir: string): number {
  using layout = Layout.open(ociDir);
  const names = layout.blobs.list();
  for (const name of names) layout.blobs.read(name, 2 ** 30);
  return names.length;
}

export function removeBlob(ociDir: string, digest: string): void {
  rmSync(join(ociDir, "blobs/sha256", digest));
}

export { sha256Hex };
