import { jsonText } from "@puzzlefs/linux";
import { forgetWhole, Layout } from "@puzzlefs/oci";
import { parseReference } from "@puzzlefs/registry";
import { type LazyPullResult, pull, type PullResult, type SignatureCounts } from "@puzzlefs/transport";
import { defineCommand, type ManualCommand, parseDigest, platformChoice, platformOption } from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { parseLayoutOrImage } from "../image-name.ts";
import { interruptible } from "../interruption.ts";
import { signatureChoice } from "../key-files.ts";
import { lazyText } from "../lazy-text.ts";
import { pullLazily } from "../pull-lazily.ts";
import { openRegistries } from "../open-registries.ts";
import { registryOptions } from "../registry-options.ts";
import { warning } from "../terminal/messages.ts";
import { writeLine } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCount, formatCountOf } from "../terminal/quantities.ts";
import { formatFields } from "../terminal/table.ts";

const example = `
  puzzlefs pull registry.example.com/app:v2 ./store          the image is ./store:v2 then
  puzzlefs pull --lazy registry.example.com/app:v2 ./store
  puzzlefs pull --loose registry.example.com/app:v2 ./store:new`;

const notes = `
Only chunks that the layout has in no image are received, each checked against its digest. What has arrived stays when
the command fails: the next one receives the rest. Images of PuzzleFS that were copied to a registry by other tools
are pulled too.

With --lazy only the metadata is received. Chunks are fetched when a mount by FUSE reads them, and in the background;
'verify' and 'inspect' show what is missing, and 'pull' without --lazy receives all of it.`;

export function define(): ManualCommand {
  const description = "Copy an image from a registry, without the chunks that the layout has.";
  return registryOptions(platformOption(defineCommand({ name: "pull", description, example, notes })))
    .usage("[OPTION]… REGISTRY/REPO[:TAG][@DIGEST] OCI_DIR[:TAG]")
    .argument("<registry/repo:tag>", "the image; a digest is that of its manifest in the registry")
    .argument("<oci_dir:tag>", "the layout (created if it does not exist), and the tag there if it is another one")
    .option("--digest <digest>", "refuse another image than that with this fs-verity digest or sha256", parseDigest)
    .option("--signatures", "receive the signatures of the image too, to be verified by the owner of a key")
    .option(
      "--require-signature <file>",
      "receive them, and refuse an image without one by this public key of minisign",
    )
    .option("--lazy", "receive no chunks now: a mount fetches them as they are read")
    .option("--loose", "store each chunk as a blob, not packs")
    .option("--json", "print the result as JSON");
}

interface Options {
  digest?: string;
  lazy?: boolean;
  loose?: boolean;
  signatures?: boolean;
  requireSignature?: string;
  json?: boolean;
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [from, to] = command.args as [string, string];
  const options = command.opts<Options>();
  const { digest, lazy = false, loose = false, json = false } = options;
  const signatures = signatureChoice(options.requireSignature, options.signatures);
  const source = parseReference(from);
  const { ociDir, reference } = parseLayoutOrImage(to);
  const tag = reference ?? source.tag ?? (source.digest === undefined ? "latest" : undefined);
  if (tag === undefined) throw new UsageError(`'${from}' has no tag: name one with the layout, OCI_DIR:TAG`);
  if (lazy) {
    if (loose || digest !== undefined)
      throw new UsageError("--lazy with --loose or --digest: name the image by @DIGEST");
    const pulled = await pullLazily(command, source, { ociDir, tag, ...signatures, ...platformChoice(command) });
    writeLine(json ? jsonText(pulled) : lazyPullText(pulled, from));
    return 0;
  }
  using registries = openRegistries(command);
  const bar = new ProgressBar("receiving");
  let result: PullResult;
  try {
    const request = {
      repository: registries.open(source, "pull"),
      ociDir,
      tag,
      loose,
      ...signatures,
      ...platformChoice(command),
      ...(digest !== undefined && { digest }),
      progress: (done: number, total: number): void => bar.update(done, total),
      warn: warning,
    };
    result = await interruptible((check) => pull({ ...request, check }));
  } finally {
    bar.finish();
  }
  using layout = Layout.open(ociDir);
  forgetWhole(layout);
  writeLine(json ? jsonText(result) : textOf(result));
  return 0;
}

function signatureFields({ signatures, skippedSignatures }: SignatureCounts): [string, string][] {
  if (signatures + skippedSignatures === 0) return [];
  const skipped = `, ${formatCount(skippedSignatures)} skipped: malformed, of a key that has another one, or too many`;
  return [["signed", `${formatCountOf(signatures, "signature")}${skippedSignatures === 0 ? "" : skipped}`]];
}

function lazyPullText({ digest, receivedBytes, state, ...counts }: LazyPullResult, from: string): string {
  return formatFields([
    ["received", `${formatBytes(receivedBytes)}: the metadata`],
    ["fetched", state === undefined ? "all" : lazyText(state, from)],
    ...signatureFields(counts),
    ["stored manifest", `sha256:${digest}`],
  ]);
}

function textOf(result: PullResult): string {
  const { chunks, receivedChunks, receivedBytes, isPatched, packs, newPacks, isPacked, newBlobs, newBytes } = result;
  const packsField: [string, string][] = isPacked
    ? [["packs", `${formatCountOf(packs, "pack")}, ${formatCount(newPacks)} new`]]
    : [];
  const metadata = isPatched ? ", the metadata as a patch" : "";
  return formatFields([
    [
      "received",
      `${formatBytes(receivedBytes)}: ${formatCount(receivedChunks)} of ${formatCountOf(chunks, "chunk")}${metadata}`,
    ],
    [
      "stored",
      result.changed
        ? `${formatBytes(newBytes)} in ${formatCountOf(newBlobs, "new blob")}`
        : "as it was: the layout has this image",
    ],
    ...packsField,
    ...signatureFields(result),
    ["manifest", `sha256:${result.manifest}`],
    ["fs-verity", result.manifestVerity],
  ]);
}
