/** Disks with OCI layouts, and the command that mounts their images by the driver. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Layout } from "@puzzlefs/oci";
import { ext4Image } from "./disk.ts";

export interface StoreDisk {
  image: string;
  remove(): void;
}

/** Makes a disk from the directory of a layout, or from a directory of several. */
export function storeDisk(directory: string, spare?: number): StoreDisk {
  const scratch = mkdtempSync(join(tmpdir(), "puzzlefs-store-"));
  const image = join(scratch, "store.ext4");
  ext4Image(image, directory, spare);
  return { image, remove: () => rmSync(scratch, { recursive: true, force: true }) };
}

/** sha256 of the manifest of a tag. */
export function manifestOf(layout: string, tag: string): string {
  return Layout.open(layout).manifest(tag).digest;
}

export interface MountOptions {
  /** The layout's directory in the guest. */
  store: string;
  /** sha256 of the manifest. */
  manifest: string;
  at: string;
  /** More mount options. */
  more?: string;
}

/** A mount(8) command. */
export function mountCommand({ store, manifest, at, more }: MountOptions): string {
  const options = `oci_root_dir=${store},image_manifest=${manifest}${more === undefined ? "" : `,${more}`}`;
  return `mount -t puzzlefs -o ${options} none ${at}`;
}
