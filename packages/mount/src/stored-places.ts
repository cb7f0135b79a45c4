import { hash } from "node:crypto";
import { isSystemError, reasonOf } from "@puzzlefs/linux";
import { fsVerityDigest, Layout, LayoutError, Transaction } from "@puzzlefs/oci";
import { type ImageHeader, type PackedForm, readHeader } from "@puzzlefs/reader";
import type { DriverMount } from "./driver.ts";

/** The options by which the driver finds a packed image. Until it is disposed of, gc keeps what they name. */
export type PackedOptions = Pick<DriverMount, "manifest" | "places" | "verify" | "digest"> & Disposable;

/** The layout cannot store what the driver needs. */
export class StoreRefusal extends Error {
  override readonly name = "StoreRefusal";
}

/** Writings, while gc removes what has been written before it is in use. */
const MOST_TRIES = 3;

/**
 * Settles a packed image, and stores its metadata and its place table as blobs of the layout: the driver reads nothing else. They
 * are not in index.json; gc removes them once the image is not mounted.
 *
 * @param digest fs-verity digest of the packed manifest, or of the canonical one, hex
 * @throws {StoreRefusal} the layout cannot be written to
 * @throws as openImage
 */
export function storePlaces(
  ociDir: string,
  reference: string,
  { verify, digest }: Pick<DriverMount, "verify" | "digest">,
): PackedOptions {
  using layout = Layout.open(ociDir);
  const header = readHeader(layout, reference, digest === undefined ? {} : { verity: digest });
  header.blobs.close();
  const { packed, manifestDigest: manifest, metadataDigest, mustHash } = header as ImageHeader & { packed: PackedForm };
  const places = hash("sha256", packed.table.bytes);
  const files = [
    { bytes: packed.metadata, digest: metadataDigest },
    { bytes: packed.table.bytes, digest: places },
  ];
  const isMeasured = digest !== undefined && !mustHash;
  try {
    const held = store(layout, files, places);
    if (isMeasured) for (const file of files) enableVerity(layout, file.digest);
    return {
      manifest,
      places,
      verify: mustHash ? "blob" : verify,
      ...(isMeasured && { digest: fsVerityDigest(packed.table.bytes).toString("hex") }),
      [Symbol.dispose]: () => held[Symbol.dispose](),
    };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new StoreRefusal(`its place table cannot be stored in ${layout.path}: ${reasonOf(error)}`, { cause: error });
  }
}

interface StoredFile {
  bytes: Uint8Array;
  digest: string;
}

/** Stores the files, and holds one of them. */
function store(layout: Layout, files: readonly StoredFile[], held: string): Disposable {
  for (let tries = MOST_TRIES; ; tries--) {
    const found = hold(layout, files, held);
    if (found !== undefined) return found;
    if (tries === 0) throw new LayoutError("missing", layout.blobs.pathOf(held), "it is removed again and again");
    const transaction = Transaction.begin(layout);
    try {
      transaction.commitBlobs(files.map(({ bytes }) => transaction.writeBlob(bytes)));
    } finally {
      transaction.abort();
    }
  }
}

/** Undefined unless all files are stored. gc does not remove them from then on: a place table in use keeps what it names. */
function hold(layout: Layout, files: readonly StoredFile[], held: string): Disposable | undefined {
  if (!layout.blobs.has(held)) return undefined;
  using stack = new DisposableStack();
  try {
    stack.use(layout.blobs.hold(held));
  } catch (error) {
    if (error instanceof LayoutError && error.kind === "missing") return undefined;
    throw error;
  }
  return files.every(({ digest, bytes }) => layout.blobs.holds(digest, bytes)) ? stack.move() : undefined;
}

function enableVerity(layout: Layout, digest: string): void {
  const blob = layout.blobs.open(digest);
  try {
    if (blob.measureVerity() === undefined) blob.enableVerity();
  } finally {
    blob.close();
  }
}
