import { join } from "node:path";
import { isNamed } from "@puzzlefs/linux";
import { isTag, Layout, LayoutError, lazySource, lazyState, type PlatformChoice } from "@puzzlefs/oci";
import { openImageAt, type ImageTree, type OpenImageOptions } from "@puzzlefs/reader";
import { UsageError } from "./errors.ts";
import { lazyText } from "./lazy-text.ts";

/** OCI_DIR:TAG. */
export interface ImageName {
  ociDir: string;
  /** A tag, or a manifest's sha256 with or without "sha256:". */
  reference: string;
}

/**
 * Splits OCI_DIR:TAG, where both may have colons: OCI_DIR is the longest beginning that is a layout. Where none is, as before the
 * first build, it ends at the first colon behind the directories that exist from which on the rest is a tag. skopeo's `oci:` before a name is ignored,
 * unless `oci` is the layout, and OCI_DIR@sha256:HEX names a manifest too. Throws UsageError.
 */
export function parseImageName(text: string): ImageName {
  const name = existing(text) ?? withoutTransport(text) ?? fresh(text);
  if (name === undefined) throw new UsageError(`'${text}' does not name an image: OCI_DIR:TAG is expected`);
  return checked(name);
}

/** OCI_DIR, with skopeo's `oci:` or without. */
export function parseLayout(text: string): Pick<ImageName, "ociDir"> {
  const [, path] = /^oci:(.+)$/s.exec(text) ?? [];
  return { ociDir: path !== undefined && !isLayout(text) && isLayout(path) ? path : text };
}

/** OCI_DIR or OCI_DIR:TAG. If the whole text is a layout, it is OCI_DIR, even if it has colons. Throws UsageError. */
export function parseLayoutOrImage(text: string): Pick<ImageName, "ociDir"> & { reference?: string } {
  const layout = parseLayout(text);
  return isLayout(layout.ociDir) || !text.includes(":") ? layout : parseImageName(text);
}

/** Whether the beginning of OCI_DIR:TAG is a layout that exists. */
export function namesLayout(text: string): boolean {
  return existing(text) !== undefined || existing(text.replace(/^oci:/, "")) !== undefined;
}

/** In the Rust tool's older form the tag is an argument of its own: OCI_DIR TAG. */
export function imageNameFrom(ociDir: string, tag: string | undefined): ImageName {
  return tag === undefined ? parseImageName(ociDir) : checked({ ociDir, reference: tag });
}

/** The directory may be any bytes; a tag is text. */
function checked(name: ImageName): ImageName {
  if (name.reference.isWellFormed()) return name;
  throw new UsageError(`'${name.reference}' is not a tag: it is not UTF-8`);
}

export function openNamed(text: string, options: OpenImageOptions): ImageTree {
  const { ociDir, reference } = parseImageName(text);
  return openImageAt(ociDir, reference, options);
}

/** The same for commands that read all content. Throws LayoutError (missing) for a lazy image that lacks chunks. */
export function openComplete(text: string, options: OpenImageOptions): ImageTree {
  checkComplete(text, options);
  return openNamed(text, options);
}

/** Throws LayoutError (missing) for a lazy image that lacks chunks. */
export function checkComplete(text: string, choice: PlatformChoice): void {
  const { ociDir, reference } = parseImageName(text);
  using layout = Layout.open(ociDir);
  const { digest } = layout.manifest(reference, choice);
  const source = lazySource(layout, digest);
  const state = lazyState(layout, digest);
  if (source === undefined || state === undefined || state.missingChunks === 0) return;
  const advice = `'puzzlefs pull ${source.name} ${ociDir}:${reference}' receives them`;
  throw new LayoutError("missing", text, `${lazyText(state, source.name)}; ${advice}`);
}

function withoutTransport(text: string): ImageName | undefined {
  const [, rest] = /^oci:(.+:.+)$/s.exec(text) ?? [];
  return rest === undefined ? undefined : (existing(rest) ?? fresh(rest));
}

/** Split behind the longest beginning that is a layout. */
function existing(text: string): ImageName | undefined {
  const pinned = splitAtDigest(text);
  if (pinned !== undefined && isLayout(pinned.ociDir)) return pinned;
  for (let at = text.lastIndexOf(":"); at > 0; at = text.lastIndexOf(":", at - 1)) {
    const name = splitAt(text, at);
    if (name !== undefined && isLayout(name.ociDir)) return name;
  }
  return undefined;
}

/** Split where a layout would be made. */
function fresh(text: string): ImageName | undefined {
  const pinned = splitAtDigest(text);
  if (pinned !== undefined && (text.at(-72) === ":" || !pinned.ociDir.includes(":"))) return pinned;
  let parent = text.lastIndexOf("/");
  while (parent > 0 && !isNamed(text.slice(0, parent))) parent = text.lastIndexOf("/", parent - 1);
  for (let at = text.indexOf(":", parent + 1); at !== -1; at = text.indexOf(":", at + 1)) {
    const name = splitAt(text, at);
    if (name !== undefined && isTag(name.reference)) return name;
  }
  return splitAt(text, text.lastIndexOf(":"));
}

/** OCI_DIR:sha256:HEX or OCI_DIR@sha256:HEX. */
function splitAtDigest(text: string): ImageName | undefined {
  const [, ociDir, reference] = /^(.+)[:@](sha256:[0-9a-f]{64})$/s.exec(text) ?? [];
  return ociDir === undefined || reference === undefined ? undefined : { ociDir, reference };
}

function splitAt(text: string, at: number): ImageName | undefined {
  const name = { ociDir: text.slice(0, Math.max(at, 0)), reference: text.slice(at + 1) };
  return name.ociDir === "" || name.reference === "" ? undefined : name;
}

function isLayout(path: string): boolean {
  return isNamed(join(path, "oci-layout"));
}
