import { escapeText, jsonText } from "@puzzlefs/linux";
import { type IndexedImage, type ImageShare, Layout, platformName, platformText, shareOut } from "@puzzlefs/oci";
import { defineCommand, type ManualCommand } from "../command-line.ts";
import { parseLayout } from "../image-name.ts";
import { writeLine } from "../terminal/output.ts";
import { formatBytes } from "../terminal/quantities.ts";
import { formatTable } from "../terminal/table.ts";

const example = `
  puzzlefs tags ./store`;

const notes = `
The digest is that of the manifest: the kernel driver's mount option image_manifest. OCI_DIR@sha256:DIGEST names an
image that has no tag. Of a packed image it is that of the canonical manifest, and the size that of the packed one.
Entries of other tools are listed too. Stored are all blobs that an image needs; frees is what no other image needs,
so that untag and gc would free it.`;

export function define(): ManualCommand {
  return defineCommand({ name: "tags", description: "List the images of an OCI image layout.", example, notes })
    .usage("[OPTION]… OCI_DIR")
    .argument("<oci_dir>", "the layout")
    .option(
      "--json",
      "one JSON array of {tag, digest, size, mediaType, platform, kind, packedManifest, stored, frees}",
    );
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const { ociDir } = parseLayout(command.args[0] as string);
  using layout = Layout.open(ociDir);
  const images = layout.images();
  const shares = shareOut(
    layout,
    images.map(({ hex }) => hex),
  );
  const rows = images.map((image, index) => ({ ...image, share: shares[index] }));
  if (command.opts<{ json?: boolean }>().json === true) writeLine(jsonText(rows.map(listed)));
  else if (rows.length > 0) {
    const header = ["tag", "manifest sha256", "size", "stored", "frees", "platform"];
    writeLine(formatTable([header, ...rows.map(row)], ["left", "left", "right", "right", "right", "left"]));
  }
  return 0;
}

interface Row extends IndexedImage {
  /** Undefined: not in the layout, or damaged. */
  share: ImageShare | undefined;
}

/** The JSON output. Null: the entry has no such value, or it cannot be read. */
function listed({ tag, hex, size, mediaType, platform, kind, canonical, share }: Row): object {
  const isKnown = platform !== undefined && platform !== "unknown";
  return {
    tag: tag ?? null,
    digest: canonical ?? hex ?? null,
    size: size ?? null,
    mediaType: mediaType ?? null,
    platform: isKnown ? platformText(platform) : null,
    kind,
    packedManifest: canonical === undefined ? null : (hex ?? null),
    stored: share?.stored ?? null,
    frees: share?.frees ?? null,
  };
}

function row({ tag, hex, canonical, digest, size, platform, kind, description, share }: Row): string[] {
  const shownDigest = canonical ?? hex ?? (digest === undefined ? "(none)" : "(not a sha256)");
  const shownSize = size === undefined ? "-" : `${size} B`;
  return [
    tag === undefined ? "-" : escapeText(tag),
    shownDigest,
    shownSize,
    share === undefined ? "-" : formatBytes(share.stored.bytes),
    share === undefined ? "-" : formatBytes(share.frees.bytes),
    [
      ...(platform === undefined ? [] : [platformName(platform)]),
      ...remark(kind, description, canonical !== undefined),
    ].join(", ") || "-",
  ];
}

function remark(kind: IndexedImage["kind"], description: string | undefined, isPacked: boolean): string[] {
  switch (kind) {
    case "puzzlefs":
      return isPacked ? ["packed"] : [];
    case "foreign":
      return [`foreign: ${description}`];
    case "missing":
      return ["not in the layout"];
    case "unreadable":
      return ["cannot be read"];
  }
}
