import { escapeText, jsonText } from "@puzzlefs/linux";
import { type IndexedImage, Layout, platformName, platformText } from "@puzzlefs/oci";
import { defineCommand, type ManualCommand } from "../command-line.ts";
import { parseLayout } from "../image-name.ts";
import { writeLine } from "../terminal/output.ts";
import { formatTable } from "../terminal/table.ts";

const example = `
  puzzlefs tags ./store`;

const notes = `
The digest is that of the manifest: the kernel driver's mount option image_manifest. OCI_DIR@sha256:DIGEST names an
image that has no tag. Entries of other tools are listed too.`;

export function define(): ManualCommand {
  return defineCommand({ name: "tags", description: "List the images of an OCI image layout.", example, notes })
    .usage("[OPTION]… OCI_DIR")
    .argument("<oci_dir>", "the layout")
    .option("--json", "one JSON array of {tag, digest, size, mediaType, platform, kind}");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const { ociDir } = parseLayout(command.args[0] as string);
  using layout = Layout.open(ociDir);
  const images = layout.images();
  if (command.opts<{ json?: boolean }>().json === true) writeLine(jsonText(images.map(listed)));
  else if (images.length > 0) {
    const header = ["tag", "manifest sha256", "size", "platform"];
    writeLine(formatTable([header, ...images.map(row)], ["left", "left", "right", "left"]));
  }
  return 0;
}

/** The JSON output. Null: the entry has no such value, or it cannot be read. */
function listed({ tag, hex, size, mediaType, platform, kind }: IndexedImage): object {
  const isKnown = platform !== undefined && platform !== "unknown";
  return {
    tag: tag ?? null,
    digest: hex ?? null,
    size: size ?? null,
    mediaType: mediaType ?? null,
    platform: isKnown ? platformText(platform) : null,
    kind,
  };
}

function row({ tag, hex, digest, size, platform, kind, description }: IndexedImage): string[] {
  const shownDigest = hex ?? (digest === undefined ? "(none)" : "(not a sha256)");
  const shownSize = size === undefined ? "-" : `${size} B`;
  return [
    tag === undefined ? "-" : escapeText(tag),
    shownDigest,
    shownSize,
    [...(platform === undefined ? [] : [platformName(platform)]), ...remark(kind, description)].join(", ") || "-",
  ];
}

function remark(kind: IndexedImage["kind"], description: string | undefined): string[] {
  switch (kind) {
    case "puzzlefs":
      return [];
    case "foreign":
      return [`foreign: ${description}`];
    case "missing":
      return ["not in the layout"];
    case "unreadable":
      return ["cannot be read"];
  }
}
