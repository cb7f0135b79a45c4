import { escapeText, jsonText } from "@puzzlefs/linux";
import { Layout } from "@puzzlefs/oci";
import { defineCommand } from "../command-line.ts";
import { writeLine } from "../terminal/output.ts";
import { formatTable } from "../terminal/table.ts";

const example = `
  puzzlefs tags ./store

The digest is that of the manifest: the kernel driver's mount option image_manifest.`;

export async function run(argv: readonly string[]): Promise<number> {
  const command = defineCommand("tags", "List the images of an OCI image layout.", example)
    .usage("[OPTION]… OCI_DIR")
    .argument("<oci_dir>", "the layout")
    .option("--json", "one JSON array of {tag, digest, size, mediaType}")
    .parse(argv, { from: "user" });
  using layout = Layout.open(command.args[0] as string);
  const images = layout.tags();
  if (command.opts<{ json?: boolean }>().json === true) {
    writeLine(jsonText(images.map(({ tag, digest, size, mediaType }) => ({ tag, digest, size, mediaType }))));
    return 0;
  }
  const rows = images.map(({ tag, digest, size }) => [escapeText(tag), digest ?? "(not a sha256)", `${size} B`]);
  if (rows.length > 0) writeLine(formatTable([["tag", "manifest sha256", "size"], ...rows], ["left", "left", "right"]));
  return 0;
}
