import { zeroBlobDigest } from "./generated/content.ts";
import { DIGEST_BYTES } from "./generated/digest.ts";
import { Bytes } from "./runtime.ts";

const digest = new Uint8Array(DIGEST_BYTES);
zeroBlobDigest(digest);

/** sha256 of the blob of zeros, to which holes refer. */
export const ZERO_BLOB_DIGEST = Bytes.of(digest);
