/** Images for the store of a machine. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readManifest } from "@puzzlefs/format";
import { manifestOf } from "@puzzlefs/qemu";
import { attempt, puzzlefs } from "../support/programs.ts";

export interface StoredImage {
  /** OCI_DIR:TAG in the machine. */
  name: string;
  layout: string;
  /** sha256 of the manifest. */
  manifest: string;
  /** sha256 of the metadata blob. */
  metadata: string;
  /** fs-verity digest of the manifest, from the output of `puzzlefs build`. */
  verity: string;
}

/** Builds an image into `store`, the directory on the host that becomes /store in the machine. */
export function buildImage(store: string, layout: string, tree: string, options: readonly string[] = []): StoredImage {
  const { status, stdout, stderr } = attempt(puzzlefs, ["build", ...options, tree, `${join(store, layout)}:v1`]);
  const verity = /manifest digest: ([0-9a-f]{64})\n$/.exec(stdout)?.[1];
  if (status !== 0 || verity === undefined) throw new Error(`build ${layout}: ${stdout}${stderr}`);
  const at = `/store/${layout}`;
  const manifest = manifestOf(join(store, layout), "v1");
  const metadata = readManifest(readFileSync(join(store, layout, "blobs/sha256", manifest))).digest;
  return { name: `${at}:v1`, layout: at, manifest, metadata, verity };
}
