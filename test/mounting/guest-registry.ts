/**
 * Runs in a machine: a registry with the images of the layouts that are given, as team/NAME:TAG; NAME is the directory's. Writes its host and
 * port to a file. As long as another file exists it closes all connections without an answer.
 *
 *     node guest-registry.ts HOST-FILE AWAY-FILE LAYOUT…
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { TestRegistry } from "../../packages/registry/src/test-registry-fixture.ts";

interface Entry {
  mediaType: string;
  digest: string;
  annotations: Record<string, string>;
}

const [hostFile = "", away = "", ...layouts] = process.argv.slice(2);
const registry = await TestRegistry.start();
registry.intercept = (_seen, response) => existsSync(away) && (response.destroy(), true);
for (const layout of layouts) {
  const repository = `team/${basename(layout)}`;
  const blobs = join(layout, "blobs/sha256");
  for (const name of readdirSync(blobs)) registry.putBlob(repository, readFileSync(join(blobs, name)));
  const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as { manifests: Entry[] };
  for (const { mediaType, digest, annotations } of manifests) {
    const bytes = readFileSync(join(blobs, digest.replace("sha256:", "")));
    registry.putManifest(repository, annotations["org.opencontainers.image.ref.name"] ?? "", bytes, mediaType);
  }
}
writeFileSync(hostFile, registry.host);
