/**
 * Makes documents from the command definitions:
 *
 *     node packaging/documents.ts          docs/cli.md
 *     node packaging/documents.ts check    fails if docs/cli.md is not up to date
 *     node packaging/documents.ts share    build/share: manual pages and completions, for `make install`
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { cliDocument } from "./cli-document.ts";
import { bashCompletion } from "./completion/bash.ts";
import { fishCompletion } from "./completion/fish.ts";
import { zshCompletion } from "./completion/zsh.ts";
import { readDefinitions } from "./definitions.ts";
import { manPage } from "./man-pages.ts";
import { completionFiles, pageFile, pages } from "./shared-files.ts";

const root = resolve(import.meta.dirname, "..");
const document = join(root, "docs/cli.md");
const share = join(root, "build/share");
const definitions = await readDefinitions();

function put(path: string, text: string): void {
  mkdirSync(dirname(join(share, path)), { recursive: true });
  writeFileSync(join(share, path), text);
}

switch (process.argv[2]) {
  case "share":
    rmSync(share, { recursive: true, force: true });
    for (const page of pages) put(pageFile(page), manPage(page, definitions));
    put(completionFiles.bash, bashCompletion(definitions));
    put(completionFiles.zsh, zshCompletion(definitions));
    put(completionFiles.fish, fishCompletion(definitions));
    break;
  case "check":
    if (readFileSync(document, "utf8") !== cliDocument(definitions)) {
      console.error("docs/cli.md is not up to date: run 'node packaging/documents.ts'");
      process.exitCode = 1;
    }
    break;
  default:
    writeFileSync(document, cliDocument(definitions));
}
