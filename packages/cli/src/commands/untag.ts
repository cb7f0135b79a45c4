import { jsonText } from "@puzzlefs/linux";
import { isHexDigest, Layout, neededOnlyBy, platformName, platformText, untag, type IndexEntry } from "@puzzlefs/oci";
import { defineCommand, type ManualCommand, platformChoice, platformOption } from "../command-line.ts";
import { parseImageName } from "../image-name.ts";
import { lockWaiting } from "../lock-waiting.ts";
import { writeLine } from "../terminal/output.ts";
import { formatBytes, formatCountOf } from "../terminal/quantities.ts";

const example = `
  puzzlefs untag ./store:v1
  puzzlefs gc ./store                          frees the blobs that no image needs any more`;

const notes = `
Entries of other tools are removed too if they have exactly this tag. OCI_DIR@sha256:DIGEST names an entry that has no
tag. Other entries stay byte for byte as they are, blobs until 'puzzlefs gc' removes them, and mounts keep their image.`;

export function define(): ManualCommand {
  return platformOption(
    defineCommand({ name: "untag", description: "Remove a tag from an OCI image layout.", example, notes }),
    "only the tag's entry for this platform, as linux/arm64 or linux/arm/v7 (default: all its entries)",
  )
    .usage("[OPTION]… OCI_DIR:TAG")
    .argument("<oci_dir:tag>", "the tag")
    .option("--json", "print the removed entries and what gc will free as JSON");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const { ociDir, reference } = parseImageName(command.args[0] as string);
  using layout = Layout.open(ociDir, lockWaiting());
  const removed = untag(layout, reference, platformChoice(command).platform);
  const unneeded = neededOnlyBy(layout, digestsOf(removed), digestsOf(layout.index().entries()));
  if (command.opts<{ json?: boolean }>().json === true) {
    writeLine(jsonText({ removed: removed.map(listed), unneeded: unneeded ?? null }));
    return 0;
  }
  for (const entry of removed) writeLine(`untagged ${textOf(entry)}`);
  if (unneeded === undefined) writeLine("what gc could free is not known: an entry of another image cannot be read");
  else if (unneeded.blobs === 0) writeLine("all its blobs are needed by other images");
  else {
    const blobs = formatCountOf(unneeded.blobs, "blob is", "blobs are");
    writeLine(`${blobs} needed by no entry any more, ${formatBytes(unneeded.bytes)}: 'puzzlefs gc' frees them`);
  }
  return 0;
}

function digestsOf(entries: Iterable<IndexEntry>): string[] {
  return Array.from(entries, ({ digest = "" }) => digest.replace(/^sha256:/, "")).filter(isHexDigest);
}

function textOf({ digest = "an entry without a digest", platform }: IndexEntry): string {
  const text = /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : "an entry without a sha256";
  return platform === undefined ? text : `${text}, ${platformName(platform)}`;
}

function listed({ tag, digest, mediaType, platform }: IndexEntry): object {
  const isKnown = platform !== undefined && platform !== "unknown";
  return {
    tag: tag ?? null,
    digest: digest ?? null,
    mediaType: mediaType ?? null,
    platform: isKnown ? platformText(platform) : null,
  };
}
