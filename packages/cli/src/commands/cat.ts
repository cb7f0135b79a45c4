import { catPath } from "@puzzlefs/reader";
import { defineCommand, verifyOptions } from "../command-line.ts";
import { openNamed } from "../image-name.ts";
import { write } from "../terminal/output.ts";

const example = `
  puzzlefs cat ./store:v1 /etc/os-release`;

export async function run(argv: readonly string[]): Promise<number> {
  const command = verifyOptions(defineCommand("cat", "Print the content of files of an image.", example))
    .usage("[OPTION]… OCI_DIR:TAG PATH…")
    .argument("<oci_dir:tag>", "the image")
    .argument("<path...>", "inside the image")
    .parse(argv, { from: "user" });
  const [image, ...paths] = command.args as [string, ...string[]];
  const { verify } = command.opts<{ verify: boolean }>();
  const tree = openNamed(image, { verify: verify ? "blob" : "none" });
  try {
    for (const path of paths) for (const piece of catPath(tree, Buffer.from(path))) write(piece);
  } finally {
    tree.close();
  }
  return 0;
}
