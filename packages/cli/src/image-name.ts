import { openImageAt, type ImageTree, type OpenImageOptions } from "@puzzlefs/reader";
import { UsageError } from "./errors.ts";

/** OCI_DIR:TAG. */
export interface ImageName {
  ociDir: string;
  /** A tag, or a manifest's sha256 with or without "sha256:". */
  reference: string;
}

/** Splits at the last colon; one before a digest's hex digits belongs to `sha256:`. Throws UsageError. */
export function parseImageName(text: string): ImageName {
  const match = /^(.+?):(sha256:[0-9a-f]{64})$/s.exec(text) ?? /^(.+):([^:]+)$/s.exec(text);
  if (match === null) throw new UsageError(`'${text}' does not name an image: OCI_DIR:TAG is expected`);
  return checked({ ociDir: match[1] as string, reference: match[2] as string });
}

/** The Rust tool's older form gave the tag as an argument of its own: OCI_DIR TAG. */
export function imageNameFrom(ociDir: string, tag: string | undefined): ImageName {
  return tag === undefined ? parseImageName(ociDir) : checked({ ociDir, reference: tag });
}

/** The directory may be any bytes; a tag is text. */
function checked(name: ImageName): ImageName {
  if (name.reference.isWellFormed()) return name;
  throw new UsageError(`'${name.reference}' is not a tag: it is not UTF-8`);
}

export function openNamed(text: string, options: OpenImageOptions = {}): ImageTree {
  const { ociDir, reference } = parseImageName(text);
  return openImageAt(ociDir, reference, options);
}
