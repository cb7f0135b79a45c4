import { build, parseMtime, TreeSize, type BuildOptions, type Progress } from "@puzzlefs/builder";
import { parseChunkSizes } from "@puzzlefs/chunker";
import type { Crossing } from "@puzzlefs/linux";
import type { Platform } from "@puzzlefs/oci";
import { BuildProgress } from "../build-progress.ts";
import { reportImage } from "../build-report.ts";
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
import { registryOptions } from "../registry-options.ts";
import { buildOnRemote, remoteBaseName } from "../remote-base.ts";
import { warning } from "../terminal/messages.ts";
import { stderrIsTerminal } from "../terminal/output.ts";

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
  fileCache?: boolean;
  json?: boolean;
}

const example = `
  puzzlefs build -c ./rootfs ./store:v1           the whole tree, compressed
  puzzlefs build -c ./rootfs2 ./store:v2          only chunks that v1 does not have are added
  puzzlefs build -c -b v1 ./rootfs2 ./store:v2    the same as a layer over v1
  puzzlefs build -c -b registry.example.com/app:v1 ./rootfs2 ./store:v2
  puzzlefs build -c --packed ./rootfs ./store:v1  tens of blobs instead of thousands, for registries
  puzzlefs build --config config.json ./rootfs ./store:v1`;

const notes = `
The same tree makes the same bytes, on every machine and at any time. --mtime keep stores modification times,
at most SOURCE_DATE_EPOCH. The last line has the digest for 'puzzlefs mount --digest'. The older form
ROOTFS OCI_DIR TAG is accepted too.`;

export function define(): ManualCommand {
  const description = "Make an image of a directory tree and tag it.";
  return registryOptions(defineCommand({ name: "build", description, example, notes }))
    .usage("[OPTION]… ROOTFS OCI_DIR:TAG")
    .argument("<rootfs>", "the directory that becomes the root of the image")
    .argument("<oci_dir:tag>", "the OCI image layout (created if it does not exist) and the tag")
    .argument("[tag]")
    .option("-c, --compression", "compress chunks with zstd")
    .option(
      "-b, --base-layer <image>",
      "write a layer over the image with this tag, or over REGISTRY/REPO:TAG, of which only the metadata is read",
    )
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
    .option("--file-cache", "do not read files again that have not changed since the last build with this option")
    .option("--json", "print the result as JSON");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [rootfs, ociDir, tag] = command.args as [string, string, string | undefined];
  const name = imageNameFrom(ociDir, tag);
  const options = command.opts<Options>();
  const { baseLayer } = options;
  const remote = baseLayer === undefined ? undefined : remoteBaseName(baseLayer, name.ociDir);
  const given = buildOptions(options);
  const crossing = crossingOf(options);
  const bar = new BuildProgress("building");
  const size = stderrIsTerminal ? new TreeSize(rootfs, crossing) : undefined;
  const start = performance.now();
  try {
    const progress = (now: Progress): void => bar.update(now, size?.bytes);
    const image = { ...given, crossing, rootfs, ociDir: name.ociDir, tag: name.reference };
    const result = await interruptible((check) => {
      const request = { ...image, warn: warning, progress, check };
      if (remote === undefined) return build(request);
      return buildOnRemote(command, remote, check, (base) => build({ ...request, base }));
    });
    bar.finish();
    reportImage(result, (performance.now() - start) / 1000, options.json === true);
  } finally {
    bar.finish();
    await size?.stop();
  }
  return 0;
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
    fileCache,
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
    ...(fileCache !== undefined && { fileCache }),
  };
}
