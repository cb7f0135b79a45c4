import { type PackedBlobs, referencedBlobs } from "@puzzlefs/oci";
import type { PackedForm } from "./image-header.ts";
import { Expectations } from "./verify-expectations.ts";

/** The requirements of a packed image on the files of its layout. */
export function expectPacked(form: PackedForm, expectations: Expectations): void {
  const { digest: packedDigest, manifest, bundle, packs } = form;
  expectations.listed(packedDigest, manifest.length, false);
  for (const { digest, size } of referencedBlobs(manifest, `manifest sha256:${packedDigest}`))
    if (digest !== undefined) expectations.listed(digest, size, false);
  for (const { digest, verity } of [bundle, ...packs]) expectations.of(digest).verities.add(verity);
}

/** What a packed image has in its bundle and its packs, and the requirements on it. */
export class PackedContents {
  readonly blobs: PackedBlobs;
  readonly expectations = new Expectations();

  constructor(blobs: PackedBlobs) {
    this.blobs = blobs;
  }

  /**
   * The digests of blobs that are not in `seen` with the same location and the same requirements, and adds them. Slices of a
   * pack that is missing or has another size are left out: the pack is reported.
   */
  *unseen(seen: Set<string>): Generator<string> {
    const { table } = this.blobs;
    for (const digest of this.expectations.digests()) {
      const place = table.find(digest);
      if (place === undefined) {
        yield digest;
        continue;
      }
      const pack = table.packs[place.pack].digest;
      if (this.blobs.size(digest) === undefined) continue;
      const { reaches } = this.expectations.of(digest);
      const ends = [...reaches].map(([key, { end }]) => `${key[0]}${end}`);
      const key = [digest, pack, place.offset, place.size, ...ends].join(" ");
      if (seen.has(key)) continue;
      seen.add(key);
      yield digest;
    }
  }
}
