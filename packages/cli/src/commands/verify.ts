import { escapeText, jsonText } from "@puzzlefs/linux";
import { Layout } from "@puzzlefs/oci";
import { type SignedImage, verifyImage, type VerifyReport, verifySigned } from "@puzzlefs/reader";
import { platformChoice, defineCommand, type ManualCommand, platformOption } from "../command-line.ts";
import { EXIT_CORRUPT, UsageError } from "../errors.ts";
import { parseLayoutOrImage } from "../image-name.ts";
import { readPublicKey } from "../key-files.ts";
import { lazyText } from "../lazy-text.ts";
import { failure, warning } from "../terminal/messages.ts";
import { writeLine } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCountOf } from "../terminal/quantities.ts";

const example = `
  puzzlefs verify ./store:v1                   this image
  puzzlefs verify --signature key.pub ./store:v1
  puzzlefs verify ./store                      all images, tagged or not, and every other blob`;

const notes = `
Entries of other tools (archives, artifacts, …) are counted as foreign; only the digests of their blobs are checked.
The exit code is 3 if there is an error. Warnings concern records that reading an image does not use.`;

export function define(): ManualCommand {
  return platformOption(
    defineCommand({
      name: "verify",
      description: "Check every blob against its digest and every rule of the format.",
      example,
      notes,
    }),
  )
    .usage("[OPTION]… OCI_DIR[:TAG]")
    .argument("<oci_dir[:tag]>", "a layout, or one image of it")
    .option("--signature <file>", "of one image: verify first that it has a signature by this public key of minisign")
    .option("--json", "print the report as JSON");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const { ociDir, reference } = parseLayoutOrImage(command.args[0] as string);
  const { signature, json = false } = command.opts<{ signature?: string; json?: boolean }>();
  if (signature !== undefined && reference === undefined)
    throw new UsageError("--signature is of one image: OCI_DIR:TAG");
  const bar = new ProgressBar("verifying");
  let report: VerifyReport;
  let signed: SignedImage | undefined;
  try {
    using layout = Layout.open(ociDir);
    using used = signature === undefined ? undefined : layout.use(reference ?? "", platformChoice(command));
    if (signature !== undefined && used !== undefined)
      signed = verifySigned(layout, used.digest, readPublicKey(signature));
    report = verifyImage(layout, used?.digest ?? reference, {
      ...platformChoice(command),
      progress: (done, total) => bar.update(done, total),
    });
  } finally {
    bar.finish();
  }
  if (json) writeLine(jsonText({ ...report, ...(signed !== undefined && { signed }) }));
  else {
    if (signed !== undefined) writeLine(`signed: ${escapeText(signed.trustedComment)}`);
    print(report);
  }
  return report.problems.some(({ severity }) => severity === "error") ? EXIT_CORRUPT : 0;
}

function print({ images, foreign, blobs, bytes, packedChunks, lazy, problems }: VerifyReport): void {
  for (const { severity, object, message } of problems) {
    const text = message.includes(object) ? message : `${object}: ${message}`;
    if (severity === "error") failure(text);
    else warning(text);
  }
  for (const state of lazy) if (!state.isWhole) warning(`${escapeText(state.image)}: ${lazyText(state, state.source)}`);
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const verdict = errors === 0 ? "good" : formatCountOf(errors, "error");
  const counts = [formatCountOf(images.length, "image"), formatCountOf(blobs, "blob"), formatBytes(bytes)];
  if (packedChunks > 0) counts.push(`${formatCountOf(packedChunks, "chunk")} in packs`);
  if (foreign.length > 0) counts.splice(1, 0, foreignText(foreign));
  writeLine(`${counts.join(", ")}: ${verdict}`);
}

const MOST_NAMES = 5;

/** What is passed over, by name. */
function foreignText(foreign: VerifyReport["foreign"]): string {
  const names = foreign.slice(0, MOST_NAMES).map(({ tag, digest }) => escapeText(tag ?? digest ?? "no digest"));
  const more = foreign.length > MOST_NAMES ? ", …" : "";
  return `${formatCountOf(foreign.length, "foreign entry", "foreign entries")} (${names.join(", ")}${more})`;
}
