import { jsonText } from "@puzzlefs/linux";
import type { BaseRecord } from "@puzzlefs/oci";
import { parseReference } from "@puzzlefs/registry";
import { push, type PushResult } from "@puzzlefs/transport";
import { collect, defineCommand, type ManualCommand, platformChoice, platformOption } from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { parseImageName } from "../image-name.ts";
import { interruptible } from "../interruption.ts";
import { openRegistries } from "../open-registries.ts";
import { baseOf, recordedBase } from "../push-base.ts";
import { registryOptions } from "../registry-options.ts";
import { warning } from "../terminal/messages.ts";
import { writeLine } from "../terminal/output.ts";
import { ProgressBar } from "../terminal/progress-bar.ts";
import { formatBytes, formatCountOf } from "../terminal/quantities.ts";
import { formatFields } from "../terminal/table.ts";

const example = `
  puzzlefs push ./store:v2 registry.example.com/app:latest    keeps packs of the image that it replaces
  puzzlefs push ./store:v2 registry.example.com/app:v2 --base registry.example.com/app:v1`;

const notes = `
The image is stored in the registry as packs and a bundle of metadata, whatever form it has in the layout. Packs of
the bases are kept where they are mostly needed: only what is new is uploaded. The image stays what it is: pull gives
it back with the same digests, with --lazy too: that is for containerd with 'puzzlefs snapshotter', which needs more
configuration for it (docs/recipes.md).`;

export function define(): ManualCommand {
  const description = "Copy an image to a registry, without what the registry has of other versions.";
  return registryOptions(platformOption(defineCommand({ name: "push", description, example, notes })))
    .usage("[OPTION]… OCI_DIR:TAG REGISTRY/REPO:TAG")
    .argument("<oci_dir:tag>", "the image")
    .argument("<registry/repo:tag>", "its name in the registry")
    .option("--base <image>", "keep packs of this image in a registry too (may be repeated)", collect)
    .option(
      "--patch-from <image>",
      "send the metadata also as a patch for receivers that have this image (may be repeated)",
      collect,
    )
    .option("--no-signatures", "do not send the signatures that the layout has of the image")
    .option("--independent", "keep no packs, so that the result depends on the image alone")
    .option("--lazy", "for 'puzzlefs snapshotter': containers of containerd start before packs have been fetched")
    .option("--json", "print the result as JSON");
}

interface Options {
  base?: string[];
  patchFrom?: string[];
  independent?: boolean;
  signatures: boolean;
  lazy?: boolean;
  json?: boolean;
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [from, to] = command.args as [string, string];
  const {
    base = [],
    patchFrom = [],
    independent = false,
    signatures,
    lazy = false,
    json = false,
  } = command.opts<Options>();
  if (base.length > 0 && independent) throw new UsageError("--base and --independent exclude each other");
  const { ociDir, reference } = parseImageName(from);
  if (parseReference(to).digest !== undefined)
    throw new UsageError(`'${to}' has a digest: an image is pushed to a tag`);
  using registries = openRegistries(command);
  const target = registries.open(to, "push");
  const bases = base.map((name) => baseOf(registries.open(name, "pull"), target));
  const bar = new ProgressBar("uploading");
  let result: PushResult;
  try {
    const request = {
      ociDir,
      reference,
      target,
      bases,
      openRecorded: (image: BaseRecord) => recordedBase(registries, image, target),
      patchFrom: patchFrom.map((name) => registries.open(name, "pull")),
      independent,
      signatures,
      lazy,
      ...platformChoice(command),
      progress: (done: number, total: number): void => bar.update(done, total),
      warn: warning,
    };
    result = await interruptible((check) => push({ ...request, check }));
  } finally {
    bar.finish();
  }
  writeLine(json ? jsonText(result) : textOf(result));
  return 0;
}

function signatureFields({ signatures }: PushResult): [string, string][] {
  return signatures === 0 ? [] : [["signed", formatCountOf(signatures, "signature")]];
}

function textOf(result: PushResult): string {
  const { packs, keptPacks, mountedPacks, uploadedPacks, uploadedBlobs, uploadedBytes, patches, changed } = result;
  const present = packs - keptPacks - uploadedPacks;
  const parts = [
    `${keptPacks} kept`,
    ...(mountedPacks > 0 ? [`${mountedPacks} of them mounted from another repository`] : []),
    `${uploadedPacks} uploaded`,
    ...(present > 0 && changed ? [`${present} there already`] : []),
  ];
  const unchanged = `${formatCountOf(packs, "pack")}: the registry has exactly this`;
  const sizes = patches.map(({ bytes }) => formatBytes(bytes)).join(", ");
  return formatFields([
    ["packs", changed ? `${formatCountOf(packs, "pack")}: ${parts.join(", ")}` : unchanged],
    ["uploaded", `${formatBytes(uploadedBytes)} in ${formatCountOf(uploadedBlobs, "blob")}`],
    ["metadata", `${formatBytes(result.bundleBytes)}${patches.length === 0 ? "" : `; as a patch ${sizes}`}`],
    ...signatureFields(result),
    ["manifest", `sha256:${result.manifest}`],
    ["fs-verity", result.manifestVerity],
    ["pushed manifest", `sha256:${result.pushedManifest}`],
  ]);
}
