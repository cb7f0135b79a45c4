import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { sha256Hex } from "@puzzlefs/oci";
import type { ExecutionContext } from "ava";
import { TestDirectory } from "./program-fixture.ts";

export const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const INDEX = "application/vnd.oci.image.index.v1+json";

/** A test directory with a layout that other tools write to as well. */
export class SharedLayout extends TestDirectory {
  /** A layout `store` with the image v1 of `root`, whose one file has `content`. */
  static async make(t: ExecutionContext, content = "ours\n"): Promise<SharedLayout> {
    const directory = new SharedLayout();
    mkdirSync(directory.path("root"));
    writeFileSync(directory.path("root/file"), content);
    await directory.good(t, "build", "root", "store:v1");
    return directory;
  }

  /** Runs a command that must succeed without a word on stderr; returns its output. */
  async good(t: ExecutionContext, ...argv: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...argv);
    t.is(code, 0, `${argv.join(" ")}: ${stderr}`);
    t.is(stderr, "", argv.join(" "));
    return stdout;
  }

  /** Builds an image whose file has another content. */
  async build(t: ExecutionContext, content: string, ...argv: string[]): Promise<void> {
    writeFileSync(this.path("root/file"), content);
    await this.good(t, "build", ...argv);
  }

  /** Adds a blob, and returns its digest as descriptors have it. */
  blob(content: string): string {
    const hex = sha256Hex(Buffer.from(content));
    writeFileSync(this.path("store/blobs/sha256", hex), content);
    return `sha256:${hex}`;
  }

  /** Adds a blob of JSON, and returns an entry for it. */
  stored(mediaType: string, value: object): { mediaType: string; digest: string; size: number } {
    const text = JSON.stringify(value);
    return { mediaType, digest: this.blob(text), size: Buffer.byteLength(text) };
  }

  entries(): Record<string, unknown>[] {
    return (JSON.parse(readFileSync(this.path("store/index.json"), "utf8")) as Index).manifests;
  }

  /** Replaces the entries of index.json. */
  setEntries(manifests: readonly unknown[]): void {
    writeFileSync(this.path("store/index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  }
}

interface Index {
  manifests: Record<string, unknown>[];
}

/** An entry under a tag. */
export function tagged(tag: string, entry: object): object {
  return { ...entry, annotations: { "org.opencontainers.image.ref.name": tag } };
}
