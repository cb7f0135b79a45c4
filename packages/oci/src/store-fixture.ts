import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Layout } from "./image-layout.ts";
import { assembleManifest } from "./manifest.ts";
import { Transaction } from "./transaction.ts";

/** Layouts with images of a few blobs, and what they need, found without the code under test. */

export const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const INDEX = "application/vnd.oci.image.index.v1+json";
export const DOCKER = "application/vnd.docker.distribution.manifest.v2+json";

/** An entry of index.json. */
export interface Entry {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: { os: string; architecture: string };
}

/** Commits an image of these chunks. Returns the digest of its manifest. */
export function commitImage(path: string, tag: string, chunks: readonly string[]): string {
  using layout = Layout.create(path);
  const transaction = Transaction.begin(layout);
  try {
    const metadata = `metadata of ${tag}`;
    const blobs = [metadata, ...chunks].map((blob) => transaction.writeBlob(Buffer.from(blob)));
    const [{ digest }] = blobs;
    const listed = chunks.map((chunk) => ({ digest: hexOf(chunk), size: chunk.length, compressed: false }));
    const manifest = assembleManifest({ digest, size: metadata.length, verity: "0".repeat(64) }, listed);
    return transaction.commit({ tag, manifest, blobs }).digest;
  } finally {
    transaction.abort();
  }
}

export function hexOf(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Stores a blob without us; returns its digest as descriptors have it. */
export function putBlob(path: string, content: string): string {
  writeFileSync(join(path, "blobs/sha256", hexOf(content)), content);
  return `sha256:${hexOf(content)}`;
}

/** Stores a blob of JSON; returns a descriptor of it. */
export function putJson(path: string, mediaType: string, value: object | string): Entry {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { mediaType, digest: putBlob(path, text), size: text.length };
}

/** A descriptor of a new blob. */
export function described(path: string, mediaType: string, content: string): Entry {
  return { mediaType, digest: putBlob(path, content), size: content.length };
}

export function tagged(tag: string, entry: Entry): Entry {
  return { ...entry, annotations: { "org.opencontainers.image.ref.name": tag } };
}

export function entriesOf(path: string): Entry[] {
  return (JSON.parse(readFileSync(join(path, "index.json"), "utf8")) as { manifests: Entry[] }).manifests;
}

export function setEntries(path: string, manifests: readonly unknown[]): void {
  writeFileSync(join(path, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

export function blobNames(path: string): string[] {
  return readdirSync(join(path, "blobs/sha256")).toSorted();
}

/** What the entries of index.json need, by JSON.parse(): whatever has the members of a descriptor. */
export function neededBlobs(path: string, entries: readonly unknown[] = entriesOf(path)): string[] {
  const needed = new Set<string>();
  const follow = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if ("digest" in value && typeof value.digest === "string" && !needed.has(value.digest.slice(7))) {
      needed.add(value.digest.slice(7));
      const text = read(join(path, "blobs/sha256", value.digest.slice(7)));
      if (text?.trimStart().startsWith("{") === true) follow(JSON.parse(text));
    }
    for (const member of Object.values(value)) follow(member);
  };
  follow(entries);
  return [...needed].filter((name) => read(join(path, "blobs/sha256", name)) !== undefined).toSorted();
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
