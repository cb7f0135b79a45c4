import { catPath } from "@puzzlefs/reader";
import { platformChoice, defineCommand, type ManualCommand, platformOption, verifyOptions } from "../command-line.ts";
import { eachPath, escapedOption, imagePath } from "../image-path.ts";
import { openNamed } from "../image-name.ts";
import { write } from "../terminal/output.ts";

const example = `
  puzzlefs cat ./store:v1 /etc/os-release`;

export function define(): ManualCommand {
  return platformOption(
    escapedOption(
      verifyOptions(defineCommand({ name: "cat", description: "Print the content of files of an image.", example })),
    ),
  )
    .usage("[OPTION]… OCI_DIR:TAG PATH…")
    .argument("<oci_dir:tag>", "the image")
    .argument("<path...>", "inside the image");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [image, ...paths] = command.args as [string, ...string[]];
  const { verify, escaped } = command.opts<{ verify: boolean; escaped?: boolean }>();
  const wanted = paths.map((path) => imagePath(path, escaped));
  const tree = openNamed(image, { ...platformChoice(command), check: "used", verify: verify ? "blob" : "none" });
  try {
    return eachPath(wanted, (path) => {
      for (const piece of catPath(tree, path)) write(piece);
    });
  } finally {
    tree.close();
  }
}
