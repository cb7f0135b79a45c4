import { DirectoryTree, dump, escapeBytes, splitPath, type DumpOptions, type Tree } from "@puzzlefs/reader";
import { defineCommand, oneOf } from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { openNamed } from "../image-name.ts";
import { LineBuffer } from "../terminal/output.ts";

interface Options {
  directory?: boolean;
  format: "text" | "mtree";
  times: boolean;
}

const example = `
  puzzlefs dump ./store:v1 > image.txt
  puzzlefs dump --no-times --directory ./rootfs > source.txt
  diff image.txt source.txt                    the image holds what the directory holds

  puzzlefs dump --format mtree ./store:v1 | mtree -p ./rootfs

One line for each name, in path order, with every attribute and the content's sha256:
  PATH KIND MODE UID GID SIZE LINKS DEVICE MTIME FIRST-PATH TARGET SHA256 [XATTR=VALUE]…`;

export async function run(argv: readonly string[]): Promise<number> {
  const command = defineCommand("dump", "Print a whole tree as text: equal text means equal trees.", example)
    .usage("[OPTION]… OCI_DIR:TAG [PATH]\n       puzzlefs dump [OPTION]… --directory DIR [PATH]")
    .argument("<image>", "the image, OCI_DIR:TAG")
    .argument("[path]", "only this path and what is below")
    .option("--directory", "dump a real directory instead of an image, to compare with one")
    .option("--format <form>", "text, or mtree for mtree(8)", oneOf("text", "mtree"), "text")
    .option("--no-times", "leave out modification times")
    .parse(argv, { from: "user" });
  const [source, path] = command.args as [string, string | undefined];
  const { directory = false, format, times } = command.opts<Options>();
  if (path !== undefined && format === "mtree") throw new UsageError("--format mtree dumps whole trees, not a PATH");
  const tree: Tree = directory ? new DirectoryTree(source) : openNamed(source);
  try {
    print(tree, path, { format, times });
  } finally {
    tree.close();
  }
  return 0;
}

function print(tree: Tree, path: string | undefined, options: DumpOptions): void {
  const lines = new LineBuffer();
  dump(tree, path === undefined ? lines.push : below(path, lines.push), options);
  lines.flush();
}

/** Passes on only the lines of a path and what is below it. */
function below(path: string, push: (line: string) => void): (line: string) => void {
  const wanted = `/${splitPath(Buffer.from(path))
    .map((name) => escapeBytes(name))
    .join("/")}`;
  return (line) => {
    const found = line.slice(0, line.indexOf(" "));
    if (wanted === "/" || found === wanted || found.startsWith(`${wanted}/`)) push(line);
  };
}
