import { build, parseMtime, TreeSize, type BuildOptions, type BuildResult, type Omission } from "@puzzlefs/builder";
import { parseChunkSizes } from "@puzzlefs/chunker";
import { jsonText, type Crossing } from "@puzzlefs/linux";
import type { Platform } from "@puzzlefs/oci";
import { readConfigFile } from "../config-file.ts";
import {
  choiceOption,
  defineCommand,
  type ManualCommand,
  parseInteger,
  parsePlatformOption,
  parseSizeOption,
} from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { imageNameFrom } from "../image-name.ts";
import { interruptible } from "../interruption.ts";
import { warning } from "../terminal/messages.ts";
import { stderrIsTerminal, writeLine } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCount, formatCountOf, formatSeconds, formatShare } from "../terminal/quantities.ts";
import { formatFields } from "../terminal/table.ts";

interface Options {
  compression?: boolean;
  baseLayer?: string;
  chunking: "file" | "stream";
  chunkSize?: string;
  level?: number;
  frameSize?: number;
  mtime: string;
  config?: string;
  platform?: Platform;
  jobs?: number;
  verify?: boolean;
  oneFileSystem?: boolean;
  crossMounts?: boolean;
  selinux?: boolean;
  packed?: boolean;
  independent?: boolean;
  json?: boolean;
}

const example = `
  puzzlefs build -c ./rootfs ./store:v1        the whole tree, compressed
  puzzlefs build -c ./rootfs2 ./store:v2       only chunks that v1 does not have are added
  puzzlefs build -c -b v1 ./rootfs2 ./store:v2 the same as a layer over v1

  puzzlefs build --config config.json ./rootfs ./store:v1`;

const notes = `
The same tree makes the same bytes, on every machine and at any time. --mtime keep stores modification times,
at most SOURCE_DATE_EPOCH. The last line has the digest for 'puzzlefs mount --digest'. The older form
ROOTFS OCI_DIR TAG is accepted too.`;

export function define(): ManualCommand {
  return defineCommand({ name: "build", description: "Make an image of a directory tree and tag it.", example, notes })
    .usage("[OPTION]… ROOTFS OCI_DIR:TAG")
    .argument("<rootfs>", "the directory that becomes the root of the image")
    .argument("<oci_dir:tag>", "the OCI image layout (created if it does not exist) and the tag")
    .argument("[tag]")
    .option("-c, --compression", "compress chunks with zstd")
    .option("-b, --base-layer <tag>", "write a layer over the image with this tag")
    .addOption(
      choiceOption(
        "--chunking <how>",
        "cut larger files on their own, or all files as one stream, as the Rust tool does",
        ["file", "stream"],
      ).default("file"),
    )
    .option("--chunk-size <min:avg:max>", "bounds of a chunk's size, bytes (default: 16384:65536:262144)")
    .option("--level <n>", "zstd level (default: 3)", parseInteger)
    .option("--frame-size <bytes>", "uncompressed bytes in a zstd frame (default: a whole chunk)", parseSizeOption)
    .option("--packed", "store the image in packs; those of the base, or of the most similar packed image, are kept")
    .option("--independent", "with --packed: keep no packs, so that the result depends on the tree alone")
    .option("--mtime <which>", "modification times: zero, keep, or clamp:SECONDS", "zero")
    .option("--config <file>", "an OCI image configuration (entrypoint, environment, …), stored unchanged")
    .option(
      "--platform <os/arch>",
      "the platform of the image; a tag may have one image for each (default: that of --config, or this machine's)",
      parsePlatformOption,
    )
    .option("--jobs <n>", "threads (default: one for each processor)", parseInteger)
    .option("--verify", "read every blob that is reused, and replace damaged ones (default: compare sizes)")
    .option("--one-file-system", "stay on the file system of ROOTFS: leave out subvolumes too")
    .option("--cross-mounts", "include file systems that are mounted below ROOTFS (default: empty directories)")
    .option("--selinux", "keep security.selinux attributes, which otherwise belong to the host")
    .option("--json", "print the result as JSON");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [rootfs, ociDir, tag] = command.args as [string, string, string | undefined];
  const name = imageNameFrom(ociDir, tag);
  const options = command.opts<Options>();
  const given = buildOptions(options);
  const crossing = crossingOf(options);
  const bar = new ProgressBar("building");
  const size = stderrIsTerminal ? new TreeSize(rootfs, crossing) : undefined;
  const start = performance.now();
  try {
    const image = { ...given, crossing, rootfs, ociDir: name.ociDir, tag: name.reference };
    const result = await interruptible((check) => build({ ...image, warn: warning, progress, check }));
    bar.finish();
    warn(result);
    const report = reportOf(result, (performance.now() - start) / 1000);
    if (options.json === true) writeLine(jsonText(report));
    else print(report);
  } finally {
    bar.finish();
    await size?.stop();
  }
  return 0;

  function progress(now: { bytes: number; chunks: number; newBytes: number }): void {
    bar.update(now.bytes, size?.bytes, [formatCountOf(now.chunks, "chunk"), `${formatBytes(now.newBytes)} new`]);
  }
}

function crossingOf({ oneFileSystem = false, crossMounts = false }: Options): Crossing {
  if (oneFileSystem && crossMounts) throw new UsageError("--one-file-system and --cross-mounts exclude each other");
  return oneFileSystem ? "device" : crossMounts ? "mounts" : "subvolumes";
}

function buildOptions(given: Options): Partial<BuildOptions> {
  const {
    compression,
    baseLayer,
    chunkSize,
    chunking,
    level,
    frameSize,
    config,
    platform,
    jobs,
    verify,
    selinux,
    packed,
    independent,
  } = given;
  return {
    chunking,
    mtime: parseMtime(given.mtime, process.env["SOURCE_DATE_EPOCH"]),
    ...(compression !== undefined && { compress: compression }),
    ...(baseLayer !== undefined && { base: baseLayer }),
    ...(chunkSize !== undefined && { chunkSizes: parseChunkSizes(chunkSize) }),
    ...(level !== undefined && { level }),
    ...(frameSize !== undefined && { frameSize }),
    ...(config !== undefined && { config: { bytes: readConfigFile(config), path: config } }),
    ...(platform !== undefined && { platform }),
    ...(jobs !== undefined && { jobs }),
    ...(verify !== undefined && { verify }),
    ...(selinux !== undefined && { selinux }),
    ...(packed !== undefined && { packed }),
    ...(independent !== undefined && { independent }),
  };
}

/** The JSON output. It is stable. */
interface Report extends BuildResult {
  seconds: number;
}

function reportOf(result: BuildResult, seconds: number): Report {
  const { manifest, manifestVerity, metadata, files, entries, bytes, chunks, newBlobs, newBytes, savedBytes } = result;
  const { metadataBytes, manifestBytes, packed, omissions, repaired } = result;
  return {
    manifest,
    manifestVerity,
    metadata,
    files,
    entries,
    bytes,
    chunks,
    newBlobs,
    newBytes,
    savedBytes,
    metadataBytes,
    manifestBytes,
    ...(packed !== undefined && { packed }),
    seconds: Number(seconds.toFixed(3)),
    omissions,
    repaired,
  };
}

/** Reports omissions and repairs on stderr: a line for each mount point, and for each kind of attribute. */
function warn({ omissions, repaired }: BuildResult): void {
  for (const omission of omissions) {
    const { what, why, count, paths } = omission;
    const isWhole = isDirectory(omission);
    if (!isWhole) warning(`${what}: left out of ${formatCountOf(count, "inode")}, first ${paths[0]}: ${why}`);
    else for (const path of paths) warning(`${path}: ${what}, left out but for an empty directory: ${why}`);
    if (isWhole && count > paths.length) warning(`${formatCountOf(count - paths.length, `more ${what}`)} left out`);
  }
  if (repaired.length === 0) return;
  const blobs = `${formatCountOf(repaired.length, "blob")} of the layout`;
  warning(`${blobs}, first sha256:${repaired[0]}: missing or damaged; what the image needs of it was stored anew`);
}

/** Whether the omission is a whole directory and not an attribute. */
function isDirectory({ what }: Omission): boolean {
  return what === "mount point" || what === "subvolume";
}

function countText(omission: Omission): string {
  const { what, count } = omission;
  return isDirectory(omission) ? formatCountOf(count, what) : `${what} of ${formatCountOf(count, "inode")}`;
}

function packedFields({ packed }: Report): [string, string][] {
  if (packed === undefined) return [];
  const { packs, keptPacks, bundleBytes, manifest, verity } = packed;
  return [
    ["packed", `${formatCountOf(packs, "pack")}, ${keptPacks} kept; a bundle of ${formatBytes(bundleBytes)}`],
    ["packed manifest", `sha256:${manifest}`],
    ["its fs-verity", verity],
  ];
}

/** The last line is the Rust tool's only output: scripts read it. */
function print(report: Report): void {
  const { omissions } = report;
  const leftOut: [string, string][] = omissions.length === 0 ? [] : [["left out", omissions.map(countText).join(", ")]];
  const { files, entries, bytes, newBlobs, newBytes, savedBytes, metadataBytes, manifestBytes, seconds } = report;
  writeLine(
    formatFields([
      ["tree", `${formatCountOf(files, "file")} with ${formatBytes(bytes)}, ${formatCountOf(entries, "inode")} in all`],
      ["chunks", formatCount(report.chunks)],
      ["stored", `${formatBytes(newBytes)} in ${formatCountOf(newBlobs, "new blob")}`],
      ["saved", `${formatBytes(savedBytes)} (${formatShare(savedBytes, bytes)})`],
      ...leftOut,
      ["metadata", `${formatBytes(metadataBytes)}, and a manifest of ${formatBytes(manifestBytes)}`],
      ...packedFields(report),
      ["time", `${formatSeconds(seconds)}, ${formatBytes(bytes / seconds)}/s`],
      ["manifest", `sha256:${report.manifest}`],
    ]),
  );
  writeLine(`puzzlefs image manifest digest: ${report.manifestVerity}`);
}
