import { parseMtime, type BuildOptions } from "@puzzlefs/builder";
import { parseChunkSizes } from "@puzzlefs/chunker";
import type { Command } from "commander";
import { choiceOption, parseInteger, parseSizeOption } from "./command-line.ts";
import { readConfigFile } from "./config-file.ts";

/** The options of `build` with which an image is made from another one. */
export interface RebuildOptions {
  compression?: boolean;
  chunking: "file" | "stream";
  chunkSize?: string;
  level?: number;
  frameSize?: number;
  mtime?: string;
  config?: string;
  jobs?: number;
  verify?: boolean;
  packed?: boolean;
  independent?: boolean;
  json?: boolean;
}

export function rebuildOptions<C extends Command>(command: C): C {
  return command
    .option("-c, --compression", "compress chunks with zstd (default: as the image)")
    .option("--no-compression", "store chunks as they are")
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
    .option("--packed", "store the result in packs, and keep packs that the layout has (default: as the image)")
    .option("--no-packed", "store each chunk as a blob")
    .option("--independent", "of a packed result: keep no packs, so that it depends on the tree alone")
    .option("--mtime <which>", "modification times: zero, keep, or clamp:SECONDS (default: as the image)")
    .option("--config <file>", "another OCI image configuration (default: that of the image)")
    .option("--jobs <n>", "threads (default: one for each processor)", parseInteger)
    .option("--verify", "read every blob that is reused, and replace damaged ones (default: compare sizes)")
    .option("--json", "print the result as JSON");
}

/** The options that were given. */
export function givenOptions(command: Command): Partial<BuildOptions> {
  const { compression, chunkSize, chunking, level, frameSize, mtime, config, jobs, verify, packed, independent } =
    command.opts<RebuildOptions>();
  return {
    chunking,
    ...(compression !== undefined && { compress: compression }),
    ...(mtime !== undefined && { mtime: parseMtime(mtime, process.env["SOURCE_DATE_EPOCH"]) }),
    ...(chunkSize !== undefined && { chunkSizes: parseChunkSizes(chunkSize) }),
    ...(level !== undefined && { level }),
    ...(frameSize !== undefined && { frameSize }),
    ...(config !== undefined && { config: { bytes: readConfigFile(config), path: config } }),
    ...(jobs !== undefined && { jobs }),
    ...(verify !== undefined && { verify }),
    ...(packed !== undefined && { packed }),
    ...(independent !== undefined && { independent }),
  };
}
