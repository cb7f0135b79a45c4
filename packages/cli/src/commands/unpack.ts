import { unpackImage, type UnpackResult } from "@puzzlefs/builder";
import { jsonText } from "@puzzlefs/linux";
import { mountedImages } from "@puzzlefs/mount";
import { defineCommand, type ManualCommand, platformChoice, platformOption } from "../command-line.ts";
import { checkComplete, parseImageName } from "../image-name.ts";
import { interruptible } from "../interruption.ts";
import { writeLine } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCountOf } from "../terminal/quantities.ts";
import { formatFields } from "../terminal/table.ts";
import { warnOfLeft } from "./pack.ts";

const example = `
  puzzlefs unpack ./store:v1`;

const notes = `
The image then has the bytes that build gave it: every chunk is a blob, as the kernel driver and the Rust tool need it.
Packs that no other image of the layout needs are removed.`;

export function define(): ManualCommand {
  return platformOption(
    defineCommand({ name: "unpack", description: "Store each chunk of a packed image as a blob.", example, notes }),
  )
    .usage("[OPTION]… OCI_DIR:TAG")
    .argument("<oci_dir:tag>", "the image")
    .option("--json", "print the result as JSON");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const { ociDir, reference } = parseImageName(command.args[0] as string);
  checkComplete(command.args[0] as string, platformChoice(command));
  const bar = new ProgressBar("unpacking");
  let result: UnpackResult;
  try {
    const progress = (done: number, total: number): void => bar.update(done, total);
    const image = { ociDir, tag: reference, ...platformChoice(command) };
    result = await interruptible((check) => unpackImage({ ...image, check, progress, mounted: mountedImages }));
  } finally {
    bar.finish();
  }
  warnOfLeft(result.removed);
  writeLine(command.opts<{ json?: boolean }>().json === true ? jsonText(result) : textOf(result));
  return 0;
}

function textOf({ newBlobs, newBytes, removed, manifest, manifestVerity, changed }: UnpackResult): string {
  const stored = `${formatBytes(newBytes)} in ${formatCountOf(newBlobs, "new blob")}`;
  return formatFields([
    ["stored", changed ? stored : "loose, as before"],
    ["removed", `${formatBytes(removed.bytes)} in ${formatCountOf(removed.blobs, "blob")}`],
    ["manifest", `sha256:${manifest}`],
    ["fs-verity", manifestVerity],
  ]);
}
