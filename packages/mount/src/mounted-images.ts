import { readSync } from "node:fs";
import { type MountEntry, parseMountInfo } from "@puzzlefs/fuse";
import { close, Directory, hasCode, NotRegularError, readlinkat } from "@puzzlefs/linux";

/**
 * Manifests, metadata or place tables (hex sha256) of the images that the kernel driver has mounted, in all mount namespaces that this
 * process can see, also below writable overlays. Mounts by FUSE are not among them: see BlobStore.hold().
 */
export function mountedImages(): Set<string> {
  const images = new Set<string>();
  const namespaces = new Set<string>();
  using proc = Directory.open("/proc");
  for (const process of proc.names()) {
    if (!/^\d+$/.test(process)) continue;
    const text = mountsOf(proc, process, namespaces);
    for (const entry of parseMountInfo(text)) for (const image of imagesOf(entry)) images.add(image);
  }
  return images;
}

/** The digests that a mount names: as the option of the driver, or in the name of the directory where an overlay's lower layer was. */
export function imagesOf({ type, superOptions }: MountEntry): string[] {
  const pattern = {
    puzzlefs: /(?:^|,)(?:image_manifest|metadata|places)=([0-9a-f]{64})/g,
    overlay: /\/puzzlefs-([0-9a-f]{64})-[\w-]+\/lower/g,
  }[type];
  return pattern === undefined ? [] : Array.from(superOptions.matchAll(pattern), ([, digest]) => digest);
}

/** The list of mounts of a process; empty if it has ended, may not be read, or its namespace is one of those already read. */
function mountsOf(proc: Directory, process: string, namespaces: Set<string>): string {
  try {
    using directory = proc.directory(process);
    const namespace = namespaceOf(directory);
    if (namespace !== undefined && namespaces.has(namespace)) return "";
    const file = directory.openFile("mountinfo");
    if (file === undefined) return "";
    try {
      const text = readAll(file);
      if (namespace !== undefined) namespaces.add(namespace);
      return text;
    } finally {
      close(file);
    }
  } catch (error) {
    // EINVAL: a process without a mount namespace, which is ending.
    if (error instanceof NotRegularError || hasCode(error, "ENOENT", "ESRCH", "EACCES", "EPERM", "EINVAL")) return "";
    throw error;
  }
}

/** Undefined for processes of other users, whose lists of mounts may be readable all the same. */
function namespaceOf(directory: Directory): string | undefined {
  try {
    return readlinkat(directory.descriptor, "ns/mnt").toString("latin1");
  } catch (error) {
    if (hasCode(error, "EACCES", "EPERM", "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
}

function readAll(file: number): string {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = Buffer.allocUnsafe(1 << 16);
    const count = readSync(file, piece, 0, piece.length, null);
    if (count === 0) return Buffer.concat(pieces).toString("latin1");
    pieces.push(piece.subarray(0, count));
  }
}
