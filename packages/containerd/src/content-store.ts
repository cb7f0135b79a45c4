import { readSync } from "node:fs";
import { FormatError } from "@puzzlefs/format";
import { close, copyFileRange, Directory, hasCode, linkat } from "@puzzlefs/linux";
import {
  BlobDirectory,
  bootstrapBlob,
  canonicalOf,
  digestHex,
  FILE_MODE,
  LayoutError,
  type PackedPart,
  referencedBlobs,
  sha256Hex,
  type StagedBlob,
  Turns,
  writeAll,
} from "@puzzlefs/oci";
import { IntegrityError, readHeaderIn } from "@puzzlefs/reader";
import { SnapshotError } from "./errors.ts";

/** Manifests of packed images are smaller: registries take no larger ones. */
const MANIFEST_LIMIT = 4 << 20;
const OPEN_BRACE = 0x7b;
const COPIED_BYTES = 1 << 20;

/** The manifest of a packed image in containerd's content store, whose blobs are all there, but perhaps for the bootstrap. */
export interface FoundImage {
  /** Hex sha256 of the packed manifest. */
  digest: string;
  manifest: Buffer;
  /** Hex sha256 of the blobs that it lists. */
  blobs: string[];
}

/** containerd's content store: a directory of blobs by digest, into which containerd moves what it has verified. */
export class ContentStore {
  readonly #path: string;

  /** @param path of the directory that has `blobs/sha256` */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Finds a packed image by the hex sha256 of its canonical manifest, and verifies it: manifests that others have made may name any image, so
   * one is taken only if the image rebuilt from its bundle has that digest, and every chunk in its packs its own. Returns to the event
   * loop now and then. Throws SnapshotError (notFound) with the reason why there is none.
   */
  async find(canonical: string): Promise<FoundImage> {
    let problem = "containerd's content store has no manifest of it";
    using blobs = this.#open();
    for (const manifest of this.#manifests(blobs, canonical)) {
      try {
        const found = this.#complete(blobs, manifest, bootstrapBlob(canonical));
        await this.#verify(blobs, found, canonical);
        return found;
      } catch (error) {
        if (!isBroken(error)) throw error;
        problem = (error as Error).message;
      }
    }
    throw new SnapshotError("notFound", `image sha256:${canonical}: ${problem}`);
  }

  /** Whether a blob (sha256:…) is there, and is a packed manifest that names this canonical one. */
  isManifestOf(manifest: string, canonical: string): boolean {
    using blobs = this.#open();
    try {
      return canonicalOf(blobs.read(digestHex(manifest) ?? "", MANIFEST_LIMIT)) === canonical;
    } catch (error) {
      if (!(error instanceof LayoutError)) throw error;
      return false;
    }
  }

  /** Bytes of the blobs of an image, as a manifest in the content store lists them; 0 if there is none yet. */
  sizeOf(canonical: string): number {
    using blobs = this.#open();
    for (const manifest of this.#manifests(blobs, canonical)) return listedBytes(manifest);
    return 0;
  }

  /** Puts a blob into an opened directory: by a hard link if possible, else by a copy. */
  async put(digest: string, directory: Directory): Promise<StagedBlob> {
    using blobs = this.#open();
    try {
      linkat(blobs.directory.descriptor, digest, directory.descriptor, digest);
    } catch (error) {
      if (!hasCode(error, "EXDEV", "EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP")) throw error;
      await copy(blobs, digest, directory);
    }
    return { temporary: digest, digest };
  }

  #open(): BlobDirectory {
    try {
      return new BlobDirectory(Directory.open(`${this.#path}/blobs/sha256`));
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
      const message = `${this.#path}: not containerd's content store: it has no blobs/sha256`;
      throw new SnapshotError("precondition", message, error);
    }
  }

  /** The bytes of the packed manifests that name a canonical one; they have been verified. */
  *#manifests(blobs: BlobDirectory, canonical: string): Generator<Buffer> {
    for (const digest of blobs.list()) {
      const size = blobs.size(digest) ?? Infinity;
      if (size > MANIFEST_LIMIT) continue;
      try {
        if (blobs.head(digest, 1)[0] !== OPEN_BRACE) continue;
        const bytes = blobs.read(digest, MANIFEST_LIMIT);
        if (bytes.includes(canonical) && canonicalOf(bytes) === canonical) yield bytes;
      } catch (error) {
        // Damaged, or removed meanwhile.
        if (!(error instanceof LayoutError)) throw error;
      }
    }
  }

  /** containerd does not fetch the bootstrap if its snapshot exists already. */
  #complete(blobs: BlobDirectory, manifest: Buffer, bootstrap: PackedPart): FoundImage {
    const digest = sha256Hex(manifest);
    const needed = referencedBlobs(manifest, `manifest sha256:${digest}`);
    const digests = needed.map(({ digest: one, size }) => {
      const isBootstrap = one === bootstrap.digest;
      const found = isBootstrap ? bootstrap.bytes.length : one === undefined ? undefined : blobs.size(one);
      if (one !== undefined && found !== undefined && found === size) return one;
      const state = found === undefined ? "is missing" : `has ${found} bytes instead of ${size}`;
      throw new SnapshotError("notFound", `its blob sha256:${one ?? "?"} ${state} in containerd's content store`);
    });
    return { digest, manifest, blobs: [...new Set(digests)] };
  }

  async #verify(blobs: BlobDirectory, { digest }: FoundImage, canonical: string): Promise<void> {
    const header = readHeaderIn(blobs, digest);
    using image = header.blobs;
    if (header.manifestDigest !== canonical)
      throw new SnapshotError("notFound", `it is sha256:${header.manifestDigest}`);
    const turns = new Turns(() => {});
    for (const { digest: chunk, size } of header.packed?.chunks ?? []) {
      image.read(chunk, size);
      if (turns.isDue) await turns.take();
    }
  }
}

/** Whether an error is about this manifest and its blobs, so that another one may do. */
function isBroken(error: unknown): boolean {
  return (
    error instanceof SnapshotError ||
    error instanceof LayoutError ||
    error instanceof IntegrityError ||
    error instanceof FormatError
  );
}

function listedBytes(manifest: Buffer): number {
  const name = `manifest sha256:${sha256Hex(manifest)}`;
  return referencedBlobs(manifest, name).reduce((sum, { size = 0 }) => sum + size, manifest.length);
}

/** Shares the bytes where the file system can do that, as between subvolumes of btrfs. */
async function copy(blobs: BlobDirectory, digest: string, directory: Directory): Promise<void> {
  using closing = new DisposableStack();
  const from = blobs.directory.openFile(digest);
  if (from === undefined) throw new SnapshotError("notFound", `${blobs.pathOf(digest)}: no such blob`);
  closing.defer(() => close(from));
  const to = directory.createFile(digest, FILE_MODE);
  closing.defer(() => close(to));
  const turns = new Turns(() => {});
  const piece = Buffer.allocUnsafe(COPIED_BYTES);
  for (let share = true; ;) {
    let count: number;
    try {
      count = share ? copyFileRange(from, to, COPIED_BYTES) : readSync(from, piece, 0, COPIED_BYTES, null);
      if (!share) writeAll(to, piece.subarray(0, count));
    } catch (error) {
      if (!share || !hasCode(error, "EXDEV", "EINVAL", "ENOSYS", "EOPNOTSUPP", "EPERM")) throw error;
      share = false;
      continue;
    }
    if (count === 0) return;
    if (turns.isDue) await turns.take();
  }
}
