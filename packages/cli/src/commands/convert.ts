import { convert, parseMtime, type ConvertOptions, type ConvertProgress, type ConvertResult } from "@puzzlefs/builder";
import { parseChunkSizes } from "@puzzlefs/chunker";
import { jsonText } from "@puzzlefs/linux";
import type { Platform } from "@puzzlefs/oci";
import { packedFields } from "../build-report.ts";
import {
  choiceOption,
  defineCommand,
  type ManualCommand,
  parseInteger,
  parseSizeOption,
  platformOption,
} from "../command-line.ts";
import { parseImageName } from "../image-name.ts";
import { interruptible } from "../interruption.ts";
import { warning } from "../terminal/messages.ts";
import { writeLine } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCount, formatCountOf, formatSeconds, formatShare } from "../terminal/quantities.ts";
import { formatFields } from "../terminal/table.ts";

interface Options {
  compression?: boolean;
  chunking: "file" | "stream";
  chunkSize?: string;
  level?: number;
  frameSize?: number;
  mtime: string;
  platform?: Platform;
  limit?: number;
  jobs?: number;
  packed?: boolean;
  independent?: boolean;
  json?: boolean;
}

const example = `
  puzzlefs convert -c ./archives:debian ./store:debian`;

const notes = `
Layers may be uncompressed, or compressed by gzip or zstd. They are applied as container tools do: whiteouts, opaque
directories, links to files of lower layers. The configuration is kept, but for what is about the layers. The content
of all layers is in a temporary file in the target layout meanwhile. The same image makes the same bytes.`;

export function define(): ManualCommand {
  const description = "Make an image of an ordinary image, whose layers are tar archives.";
  return platformOption(defineCommand({ name: "convert", description, example, notes }))
    .usage("[OPTION]… OCI_DIR:TAG OCI_DIR:NEW")
    .argument("<oci_dir:tag>", "the ordinary OCI or Docker image")
    .argument("<oci_dir:new>", "the layout (created if it does not exist) and the tag of the new image")
    .option("-c, --compression", "compress chunks with zstd")
    .addOption(
      choiceOption("--chunking <how>", "cut larger files on their own, or all files as one stream", [
        "file",
        "stream",
      ]).default("file"),
    )
    .option("--chunk-size <min:avg:max>", "bounds of a chunk's size, bytes (default: 16384:65536:262144)")
    .option("--level <n>", "zstd level (default: 3)", parseInteger)
    .option("--frame-size <bytes>", "uncompressed bytes in a zstd frame (default: a whole chunk)", parseSizeOption)
    .option("--packed", "store the result in packs; those of the most similar packed image are kept")
    .option("--independent", "with --packed: keep no packs, so that the result depends on its tree alone")
    .option("--mtime <which>", "modification times: zero, keep, or clamp:SECONDS", "keep")
    .option(
      "--limit <bytes>",
      "unpack at most this much of all layers together (default: 1 GiB, and 64 times their stored size)",
      parseSizeOption,
    )
    .option("--jobs <n>", "threads (default: one for each processor)", parseInteger)
    .option("--json", "print the result as JSON");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [from, to] = command.args as [string, string];
  const source = parseImageName(from);
  const target = parseImageName(to);
  const options = command.opts<Options>();
  const { platform } = options;
  const labels = { reading: "reading layers", building: "building", packing: "packing" };
  const bars: Partial<Record<keyof typeof labels, ProgressBar>> = {};
  const finish = (): void => Object.values(bars).forEach((bar) => bar.finish());
  const start = performance.now();
  try {
    const request: ConvertOptions = {
      ...buildOptions(options),
      source: { ...source, ...(platform !== undefined && { platform }) },
      ociDir: target.ociDir,
      tag: target.reference,
      warn: warning,
      progress: ({ doing, done, total, newBytes }: ConvertProgress): void =>
        (bars[doing] ??= new ProgressBar(labels[doing])).update(
          done,
          total,
          doing === "building" ? [`${formatBytes(newBytes)} new`] : [],
        ),
    };
    const result = await interruptible((check) => convert({ ...request, check }));
    finish();
    for (const { what, why, count, paths } of result.omissions)
      warning(`${what}: left out ${formatCountOf(count, "time")}, first ${paths[0]}: ${why}`);
    const seconds = Number(((performance.now() - start) / 1000).toFixed(3));
    if (options.json === true) writeLine(jsonText({ ...result, seconds }));
    else print(result, seconds);
  } finally {
    finish();
  }
  return 0;
}

function buildOptions(given: Options): Partial<ConvertOptions> & Pick<ConvertOptions, "chunking"> {
  const { compression, chunkSize, chunking, level, frameSize, limit, jobs, packed, independent } = given;
  return {
    chunking,
    mtime: parseMtime(given.mtime, process.env["SOURCE_DATE_EPOCH"]),
    ...(compression !== undefined && { compress: compression }),
    ...(chunkSize !== undefined && { chunkSizes: parseChunkSizes(chunkSize) }),
    ...(level !== undefined && { level }),
    ...(frameSize !== undefined && { frameSize }),
    ...(limit !== undefined && { limit }),
    ...(jobs !== undefined && { jobs }),
    ...(packed !== undefined && { packed }),
    ...(independent !== undefined && { independent }),
  };
}

/** The last line is that of `build`. */
function print(result: ConvertResult, seconds: number): void {
  const { layers, archiveBytes, files, entries, bytes, chunks, newBlobs, newBytes, savedBytes, omissions } = result;
  const stored = layers.reduce((total, layer) => total + layer.bytes, 0);
  const left = omissions.map(({ what, count }) => `${what} (${formatCount(count)})`).join(", ");
  const leftOut: [string, string][] = left === "" ? [] : [["left out", left]];
  writeLine(
    formatFields([
      ["layers", `${formatCount(layers.length)} with ${formatBytes(stored)}, unpacked ${formatBytes(archiveBytes)}`],
      ["tree", `${formatCountOf(files, "file")} with ${formatBytes(bytes)}, ${formatCountOf(entries, "inode")} in all`],
      ["chunks", formatCount(chunks)],
      ["stored", `${formatBytes(newBytes)} in ${formatCountOf(newBlobs, "new blob")}`],
      ["saved", `${formatBytes(savedBytes)} (${formatShare(savedBytes, bytes)})`],
      ...leftOut,
      ...packedFields(result),
      ["time", `${formatSeconds(seconds)}, ${formatBytes(bytes / seconds)}/s`],
      ["manifest", `sha256:${result.manifest}`],
    ]),
  );
  writeLine(`puzzlefs image manifest digest: ${result.manifestVerity}`);
}
