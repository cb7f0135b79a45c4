import { escapeName, escapeText, jsonText } from "@puzzlefs/linux";
import {
  type BaseRecord,
  type BlobStore,
  type Count,
  fsVerityDigest,
  type ImageShare,
  Layout,
  lazySource,
  type LazyState,
  lazyState,
  readConfig,
  shareOut,
  type StoredConfig,
} from "@puzzlefs/oci";
import {
  countImage,
  escapeBytes,
  fileRuns,
  openHeader,
  type PackedForm,
  readHeader,
  resolvePath,
  type FileRun,
  type ImageCounts,
  type InodeKind,
} from "@puzzlefs/reader";
import { platformChoice, defineCommand, type ManualCommand, platformOption } from "../command-line.ts";
import { configFields } from "../config-text.ts";
import { escapedOption, imagePath } from "../image-path.ts";
import { parseImageName } from "../image-name.ts";
import { lazyText } from "../lazy-text.ts";
import { kindNames, pluralNames } from "../entry-text.ts";
import { writeLine } from "../terminal/output.ts";
import { formatBytes, formatCount, formatCountOf, formatShare } from "../terminal/quantities.ts";
import { formatFields, formatTable } from "../terminal/table.ts";

const example = `
  puzzlefs inspect ./store:v1                  digests, layers, inodes, blobs, sizes
  puzzlefs inspect ./store:v1 /bin/bash        the blobs of a file's content`;

const notes = `
The sha256 is the value of the kernel driver's option image_manifest, the fs-verity digest is the one that build
printed.`;

export function define(): ManualCommand {
  return platformOption(
    escapedOption(
      defineCommand({
        name: "inspect",
        description: "Show what an image consists of, or the chunks of a file in it.",
        example,
        notes,
      }),
    ),
  )
    .usage("[OPTION]… OCI_DIR:TAG [PATH]")
    .argument("<oci_dir:tag>", "the image")
    .argument("[path]", "a file inside the image")
    .option("--json", "one JSON object");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [image, path] = command.args as [string, string | undefined];
  const { escaped, json = false } = command.opts<{ escaped?: boolean; json?: boolean }>();
  const wanted = path === undefined ? undefined : imagePath(path, escaped);
  const { ociDir, reference } = parseImageName(image);
  using layout = Layout.open(ociDir);
  using used = layout.use(reference, platformChoice(command));
  const header = readHeader(layout, used.digest);
  const tree = openHeader(header);
  try {
    if (wanted !== undefined) {
      const ino = resolvePath(tree, wanted, true);
      const runs = fileRuns(tree.metadata, ino);
      if (json) writeLine(jsonText({ path: escapeBytes(wanted), ino, runs }));
      else writeLine(fileText({ path: escapeName(wanted), ino, runs }));
      return 0;
    }
    const { manifest, manifestDigest, metadataDigest, blobs, packed } = header;
    const summary: ImageSummary = {
      manifest: manifestDigest,
      manifestVerity: fsVerityDigest(manifest).toString("hex"),
      manifestBytes: manifest.length,
      metadata: metadataDigest,
      metadataBytes: blobs.size(metadataDigest) ?? 0,
      config: readConfig(blobs, manifest, `manifest sha256:${manifestDigest}`),
      ...countImage(tree, blobs),
      ...sharesOf(layout, packed?.digest ?? manifestDigest),
      form: packed === undefined ? "loose" : "packed",
      ...(packed !== undefined && { stored: storedForm(packed, layout.blobs) }),
      ...lazySummary(layout, used.digest),
      ...baseSummary(layout.baseOf(reference, platformChoice(command))),
    };
    writeLine(json ? jsonText(summary) : imageText(summary));
  } finally {
    tree.close();
  }
  return 0;
}

/** What the image shares with the other images of the layout, whatever its own tags. */
function sharesOf(layout: Layout, manifest: string): Shares {
  const others = new Set(layout.images().map(({ hex }) => hex));
  others.delete(manifest);
  const [{ stored, frees }] = shareOut(layout, [manifest, ...others]) as [ImageShare];
  return { shared: { blobs: stored.blobs - frees.blobs, bytes: stored.bytes - frees.bytes }, frees };
}

/** Manifest, metadata and configuration are counted too. */
interface Shares {
  /** Blobs that other images of the layout need too. */
  shared: Count;
  /** The others: untag and gc free them. */
  frees: Count;
}

/** Digests are hex sha256, but for the manifest's fs-verity digest. */
interface ImageSummary extends ImageCounts, Shares {
  manifest: string;
  manifestVerity: string;
  manifestBytes: number;
  metadata: string;
  metadataBytes: number;
  /** Null: the empty configuration. */
  config: StoredConfig | null;
  /** Whether each chunk is a blob, or chunks are in packs. */
  form: "loose" | "packed";
  /** Of a packed image. */
  stored?: StoredSummary;
  /** The image in a registry that it was built on. */
  base?: BaseRecord;
  /** Of a lazy image. */
  lazy?: LazyState & { source: string };
}

function baseSummary(base: BaseRecord | undefined): Pick<ImageSummary, "base"> {
  return base === undefined ? {} : { base };
}

function lazySummary(layout: Layout, digest: string): Pick<ImageSummary, "lazy"> {
  const source = lazySource(layout, digest);
  const state = lazyState(layout, digest);
  return source === undefined || state === undefined ? {} : { lazy: { source: source.name, ...state } };
}

/** What index.json names of a packed image, and its files. Digests are hex. */
interface StoredSummary {
  manifest: string;
  manifestVerity: string;
  bundle: string;
  bundleBytes: number;
  packs: number;
  missingPacks: number;
  packBytes: number;
  /** Bytes of the packs that are no chunks of this image. */
  deadBytes: number;
}

function storedForm(form: PackedForm, files: Pick<BlobStore, "size">): StoredSummary {
  const { digest: manifest, verity: manifestVerity, bundle, packs, chunks } = form;
  const packBytes = packs.reduce((sum, { size }) => sum + size, 0);
  return {
    manifest,
    manifestVerity,
    bundle: bundle.digest,
    bundleBytes: bundle.size,
    packs: packs.length,
    missingPacks: packs.filter(({ digest }) => files.size(digest) === undefined).length,
    packBytes,
    deadBytes: packBytes - chunks.reduce((sum, { size }) => sum + size, 0),
  };
}

function storedFields({ stored }: ImageSummary): [string, string][] {
  if (stored === undefined) return [];
  const dead = `${formatBytes(stored.deadBytes)} of it not needed by this image`;
  const missing = stored.missingPacks === 0 ? "" : `; ${stored.missingPacks} not in the layout`;
  return [
    ["form", `packed: ${formatCountOf(stored.packs, "pack")} of ${formatBytes(stored.packBytes)}, ${dead}${missing}`],
    ["packed manifest", `sha256:${stored.manifest}`],
    ["its fs-verity", stored.manifestVerity],
    ["bundle", `sha256:${stored.bundle}, ${formatBytes(stored.bundleBytes)}`],
  ];
}

function baseFields({ base }: ImageSummary): [string, string][] {
  return base === undefined ? [] : [["built on", `${escapeText(base.name)}, sha256:${base.digest}`]];
}

function imageText(summary: ImageSummary): string {
  const { inodes, layers, contentBytes, holeBytes, blobs, missingBlobs, storedBytes, compressedBlobs } = summary;
  const { shared, frees } = summary;
  const kinds = Object.entries(inodes.kinds).map(([kind, count]) => {
    const name = kindNames[kind as InodeKind];
    return formatCountOf(count, name, pluralNames[kind as InodeKind]);
  });
  const layerText = layers.map((layer) => formatCount(layer)).join(" over ");
  const fields: [string, string][] = [
    ["manifest", `sha256:${summary.manifest}`],
    ["manifest size", formatBytes(summary.manifestBytes)],
    ["fs-verity", summary.manifestVerity],
    ["layers", layers.length === 1 ? "1" : `${layers.length}: ${layerText} inodes`],
    ["inodes", `${formatCount(inodes.total)}: ${kinds.join(", ")}`],
    ["content", formatBytes(contentBytes) + (holeBytes > 0 ? `, ${formatBytes(holeBytes)} of it holes` : "")],
    ["blobs", `${formatCount(blobs)}, ${formatCount(compressedBlobs)} of them compressed`],
    ["stored", `${formatBytes(storedBytes)}, ${formatShare(storedBytes, contentBytes)} of the content`],
    ["metadata", `sha256:${summary.metadata}, ${formatBytes(summary.metadataBytes)}`],
    ["shared", `${formatBytes(shared.bytes)} in ${formatCountOf(shared.blobs, "blob")} that other images need too`],
    ["frees", `${formatBytes(frees.bytes)} in ${formatCountOf(frees.blobs, "blob")}, if the image is removed`],
    ...storedFields(summary),
    ...baseFields(summary),
    ...configFields(summary.config),
  ];
  if (summary.lazy !== undefined) fields.push(["fetched", lazyText(summary.lazy, summary.lazy.source)]);
  else if (missingBlobs > 0)
    fields.push(["missing", `${formatCountOf(missingBlobs, "blob is", "blobs are")} not in the layout`]);
  return formatFields(fields);
}

function fileText(file: { path: string; ino: number; runs: FileRun[] }): string {
  const head = formatFields([
    ["path", file.path],
    ["inode", String(file.ino)],
    ["runs", formatCount(file.runs.length)],
  ]);
  if (file.runs.length === 0) return head;
  const rows = file.runs.map(({ fileOffset, length, blob, blobOffset, compressed, hole }) => [
    String(fileOffset),
    String(length),
    blob,
    String(blobOffset),
    hole ? "hole" : compressed ? "zstd" : "raw",
  ]);
  const table = formatTable(
    [["offset", "length", "blob", "at", "form"], ...rows],
    ["right", "right", "left", "right", "left"],
  );
  return `${head}\n\n${table}`;
}
