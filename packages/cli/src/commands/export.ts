import {
  exportArchive,
  exportLayer,
  type ExportLayerResult,
  type ExportResult,
  type LayerCompression,
} from "@puzzlefs/builder";
import { jsonText } from "@puzzlefs/linux";
import { openImageAt } from "@puzzlefs/reader";
import {
  choiceOption,
  defineCommand,
  type ManualCommand,
  platformChoice,
  platformOption,
  verifyOptions,
} from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { checkComplete, parseImageName } from "../image-name.ts";
import { interruptible } from "../interruption.ts";
import { writeFileWhole } from "../output-file.ts";
import { warning } from "../terminal/messages.ts";
import { stdoutIsTerminal, write, writeLine } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCountOf } from "../terminal/quantities.ts";

interface Options {
  layer?: string;
  layerCompression?: LayerCompression;
  sparse: boolean;
  verify: boolean;
  json?: boolean;
}

const example = `
  puzzlefs export ./store:v1 tree.tar
  puzzlefs export ./store:v1 | tar -x --numeric-owner --xattrs --xattrs-include='*' -C ./tree
  puzzlefs export --layer ./oci:v1 ./store:v1        an ordinary image of one layer, for podman, docker and others`;

const notes = `
The archive is that of POSIX (pax), with owners as numbers, times in nanoseconds, extended attributes and access control
lists (SCHILY.xattr), hard links, devices, and sparse files as GNU tar has them. Sockets are left out. The same
tree makes the same bytes.`;

export function define(): ManualCommand {
  const description = "Write an image's tree as a tar archive, or as an ordinary image.";
  return platformOption(verifyOptions(defineCommand({ name: "export", description, example, notes })))
    .usage("[OPTION]… OCI_DIR:TAG [FILE]\n       puzzlefs export [OPTION]… --layer OCI_DIR:NEW OCI_DIR:TAG")
    .argument("<oci_dir:tag>", "the image")
    .argument("[file]", "where the archive goes (default: standard output, which must not be a terminal)")
    .option("--layer <oci_dir:new>", "make an ordinary OCI image with the archive as its only layer")
    .addOption(
      choiceOption("--layer-compression <how>", "compression of that layer (default: gzip)", ["gzip", "zstd", "none"]),
    )
    .option("--no-sparse", "write holes as zeros")
    .option("--json", "print the result as JSON (with FILE or --layer)");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [image, file] = command.args as [string, string | undefined];
  const options = command.opts<Options>();
  const { layer, layerCompression, json = false, verify, sparse } = options;
  if (layer !== undefined && file !== undefined) throw new UsageError("FILE and --layer exclude each other");
  if (layer === undefined && layerCompression !== undefined) throw new UsageError("--layer-compression needs --layer");
  const isPiped = layer === undefined && (file === undefined || file === "-");
  if (isPiped && json) throw new UsageError("--json needs FILE or --layer: standard output is the archive");
  if (isPiped && stdoutIsTerminal)
    throw new UsageError("an archive is not written to a terminal: name a FILE, or use a pipe");
  const source = { ...parseImageName(image), ...platformChoice(command) };
  checkComplete(image, platformChoice(command));
  const bar = new ProgressBar("exporting");
  try {
    if (layer === undefined) {
      const result = await interruptible((check) => toFile(isPiped ? undefined : file, check));
      if (!isPiped) report(result, "archive", result.digest, result.archiveBytes);
    } else {
      const result = await interruptible((check) => toLayer(layer, check));
      report(result, "layer", result.layer.digest, result.layer.bytes);
      if (!json) writeLine(`manifest  sha256:${result.manifest}`);
    }
  } finally {
    bar.finish();
  }
  return 0;

  async function toFile(path: string | undefined, check: () => void): Promise<ExportResult> {
    using tree = openImageAt(source.ociDir, source.reference, { ...source, verify: verify ? "blob" : "none" });
    const progress = progressOver(tree.contentBytes);
    const writeAll = (put: (piece: Buffer) => void): ExportResult =>
      exportArchive(
        tree,
        (piece) => {
          check();
          put(piece);
        },
        { sparse, progress },
      );
    const result = path === undefined ? writeAll(write) : writeFileWhole(path, writeAll);
    bar.finish();
    warn(result);
    return result;
  }

  async function toLayer(to: string, check: () => void): Promise<ExportLayerResult> {
    const { ociDir, reference } = parseImageName(to);
    const given = { source, ociDir, tag: reference, verify, sparse, warn: warning, check };
    const compression = layerCompression === undefined ? {} : { compression: layerCompression };
    const result = await exportLayer({ ...given, ...compression, progress: progressOver(undefined) });
    bar.finish();
    warn(result);
    return result;
  }

  function progressOver(total: number | undefined): (counts: { members: number; bytes: number }) => void {
    return ({ members, bytes }) => bar.update(bytes, total, [formatCountOf(members, "name")]);
  }

  function report(result: ExportResult, what: string, digest: string, bytes: number): void {
    if (json) return writeLine(jsonText(result));
    writeLine(`tree      ${formatCountOf(result.members, "name")}, ${formatBytes(result.bytes)} of content`);
    writeLine(`${what.padEnd(8)}  sha256:${digest}, ${formatBytes(bytes)}`);
  }
}

function warn({ omissions }: ExportResult): void {
  for (const { what, why, count, paths } of omissions)
    warning(`${what}: left out ${formatCountOf(count, "time")}, first ${paths[0]}: ${why}`);
}
