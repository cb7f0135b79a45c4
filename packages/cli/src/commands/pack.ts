import { packImage, type PackResult, type Removal } from "@puzzlefs/builder";
import { jsonText } from "@puzzlefs/linux";
import { mountedImages } from "@puzzlefs/mount";
import { defineCommand, type ManualCommand, platformChoice, platformOption } from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { checkComplete, parseImageName } from "../image-name.ts";
import { interruptible } from "../interruption.ts";
import { warning } from "../terminal/messages.ts";
import { writeLine } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCountOf } from "../terminal/quantities.ts";
import { formatFields } from "../terminal/table.ts";

const example = `
  puzzlefs pack ./store:v2                     keeps packs of the packed image that shares most with it
  puzzlefs pack -b v1 ./store:v2               keeps packs of v1
  puzzlefs pack --independent ./store:v2       the same image becomes the same packs, in any layout`;

const notes = `
Registries and skopeo then move tens of blobs instead of thousands. The image stays what it is: its digests, its files,
and what unpack gives back. The tag then names the packed form, and blobs that no other image of the layout needs are
removed.`;

export function define(): ManualCommand {
  return platformOption(
    defineCommand({ name: "pack", description: "Store an image's chunks in a few large blobs.", example, notes }),
  )
    .usage("[OPTION]… OCI_DIR:TAG")
    .argument("<oci_dir:tag>", "the image")
    .option("-b, --base <tag>", "keep the packs of this packed image that are mostly needed")
    .option("--independent", "keep no packs of other images")
    .option("--json", "print the result as JSON");
}

interface Options {
  base?: string;
  independent?: boolean;
  json?: boolean;
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const { base, independent = false, json = false } = command.opts<Options>();
  if (base !== undefined && independent) throw new UsageError("--base and --independent exclude each other");
  const { ociDir, reference } = parseImageName(command.args[0] as string);
  checkComplete(command.args[0] as string, platformChoice(command));
  const bar = new ProgressBar("packing");
  const image = {
    ociDir,
    tag: reference,
    independent,
    ...platformChoice(command),
    ...(base !== undefined && { base }),
  };
  let result: PackResult;
  try {
    const progress = (done: number, total: number): void => bar.update(done, total);
    result = await interruptible((check) =>
      packImage({ ...image, check, progress, warn: warning, mounted: mountedImages }),
    );
  } finally {
    bar.finish();
  }
  warnOfLeft(result.removed);
  writeLine(json ? jsonText(result) : textOf(result));
  return 0;
}

function textOf({ packs, keptPacks, packedBytes, newBytes, removed, changed, ...digests }: PackResult): string {
  const written = packs - keptPacks;
  const count = `${formatCountOf(packs, "pack")}: ${keptPacks} kept, ${written} new`;
  return formatFields([
    ["packs", changed ? `${count} of ${formatBytes(packedBytes)}` : `${formatCountOf(packs, "pack")}, as before`],
    ["stored", formatBytes(newBytes)],
    ["removed", `${formatBytes(removed.bytes)} in ${formatCountOf(removed.blobs, "blob")}`],
    ["manifest", `sha256:${digests.manifest}`],
    ["fs-verity", digests.manifestVerity],
    ["packed manifest", `sha256:${digests.packedManifest}`],
    ["its fs-verity", digests.packedVerity],
  ]);
}

/** Reports why blobs that no image lists were left. */
export function warnOfLeft({ left }: Removal): void {
  if (left === undefined) return;
  warning(`blobs that are needed no more were not removed, because ${left}; gc removes them later`);
}
