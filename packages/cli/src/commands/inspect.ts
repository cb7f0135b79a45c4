import { escapeName, jsonText } from "@puzzlefs/linux";
import {
  type Count,
  fsVerityDigest,
  type ImageShare,
  Layout,
  readConfig,
  shareOut,
  type StoredConfig,
} from "@puzzlefs/oci";
import {
  countImage,
  escapeBytes,
  fileRuns,
  openImage,
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
  const tree = openImage(layout, reference, platformChoice(command));
  try {
    if (wanted !== undefined) {
      const ino = resolvePath(tree, wanted, true);
      const runs = fileRuns(tree.metadata, ino);
      if (json) writeLine(jsonText({ path: escapeBytes(wanted), ino, runs }));
      else writeLine(fileText({ path: escapeName(wanted), ino, runs }));
      return 0;
    }
    const { manifest, manifestDigest, metadataDigest } = readHeader(layout, tree.manifestDigest);
    const summary: ImageSummary = {
      manifest: manifestDigest,
      manifestVerity: fsVerityDigest(manifest).toString("hex"),
      manifestBytes: manifest.length,
      metadata: metadataDigest,
      metadataBytes: layout.blobs.size(metadataDigest) ?? 0,
      config: readConfig(layout.blobs, manifest, `manifest sha256:${manifestDigest}`),
      ...countImage(tree, layout.blobs),
      ...sharesOf(layout, manifestDigest),
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
    ...configFields(summary.config),
  ];
  if (missingBlobs > 0)
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
