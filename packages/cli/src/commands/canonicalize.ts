import { canonicalize, type Progress } from "@puzzlefs/builder";
import { isTag } from "@puzzlefs/oci";
import { BuildProgress } from "../build-progress.ts";
import { reportImage } from "../build-report.ts";
import { defineCommand, platformChoice, platformOption, type ManualCommand } from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { checkComplete, parseImageName } from "../image-name.ts";
import { interruptible } from "../interruption.ts";
import { givenOptions, rebuildOptions, type RebuildOptions } from "../rebuild-options.ts";
import { warning } from "../terminal/messages.ts";

const example = `
  puzzlefs canonicalize ./store:v2             the tag v2 then names the image without layers
  puzzlefs canonicalize ./store:v2 ./store:v3  v2 stays as it is`;

const notes = `
The result has the bytes that 'puzzlefs build' makes of the extracted tree. Every chunk is checked against its digest as
it is read. Blobs of the old image stay in the layout.`;

export function define(): ManualCommand {
  return rebuildOptions(
    platformOption(
      defineCommand({
        name: "canonicalize",
        description: "Give an image the bytes of a fresh build of its tree.",
        example,
        notes,
      }),
    ),
  )
    .usage("[OPTION]… OCI_DIR:TAG [OCI_DIR:NEW]")
    .argument("<oci_dir:tag>", "the image, of any builder")
    .argument("[oci_dir:new]", "the result, in the same or another layout (default: OCI_DIR:TAG)");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [image, result = image] = command.args as [string, string | undefined];
  const from = parseImageName(image);
  const to = parseImageName(result);
  if (!isTag(to.reference)) throw new UsageError(`'${result}' does not name a tag: OCI_DIR:NEW is expected`);
  checkComplete(image, platformChoice(command));
  const options = {
    ...givenOptions(command),
    from: from.ociDir,
    reference: from.reference,
    choice: platformChoice(command),
    ociDir: to.ociDir,
    tag: to.reference,
  };
  const bar = new BuildProgress("canonicalizing");
  const start = performance.now();
  try {
    const progress = (now: Progress): void => bar.update(now, undefined);
    const made = await interruptible((check) => canonicalize({ ...options, warn: warning, progress, check }));
    bar.finish();
    const { json = false } = command.opts<RebuildOptions>();
    reportImage(made, (performance.now() - start) / 1000, json);
  } finally {
    bar.finish();
  }
  return 0;
}
